export { type Heard, type Said, bot } from './bot.ts';
export type { DrainReport, Loss, RefusalCode, ServerEvent } from './events.ts';
export { OptionError, type ServerOptions } from './options.ts';
export type { EndReason, ErrorCode } from './protocol.ts';
export { chatServer } from './server.ts';
export type { Connection } from './session.ts';
export type { ShutdownSignal } from './shutdown.ts';
export { type RunningServer, startChatServer } from './start.ts';
