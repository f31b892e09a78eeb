import { type Logger, destination, pino } from 'pino';
import type { AdminEvent } from './admin.ts';
import { Crowd } from './crowd.ts';
import { showAddress } from './endpoint.ts';
import type { RefusalCode, ServerEvent } from './events.ts';
import type { LogFormat } from './options.ts';
import type { EndReason } from './protocol.ts';

/**
 * The operator's log: one JSON line an event, or lines for people, in colours on a terminal. Written synchronously, so
 * that nothing is lost of it when the process ends.
 */
export async function createLog(level: string, format: LogFormat, terminal: boolean): Promise<Logger> {
  const options = { level, base: null, timestamp: () => `,"time":"${new Date().toISOString()}"` };
  if (format === 'json' || (format === 'auto' && !terminal))
    return pino(options, destination({ dest: 1, sync: true }));
  // Loaded for people only: programs that read the log have no use for it, and a start is quicker without.
  const { default: pretty } = await import('pino-pretty');
  return pino(
    options,
    pretty({
      colorize: terminal,
      sync: true,
      ignore: 'name',
      translateTime: 'SYS:HH:MM:ss.l',
      hideObject: true,
    }),
  );
}

/** Why a connection finds no room. */
const FULL: ReadonlySet<string> = new Set<RefusalCode & EndReason>(['server-full', 'too-many-connections']);

/** Lines that they may have of a kind in so many ms; those beyond are summed up. */
const MOST = 100;
const SUM = 1000;

/** Writes the events that it is given, but sums up floods of connections for which there is no room. */
export function eventLog(log: Logger): (event: ServerEvent | AdminEvent) => void {
  const refused = new Crowd(SUM, MOST, (code, count) => {
    log.info({ event: 'refused', code, count }, `refused ${count} more: ${code}`);
  });
  const left = new Crowd(SUM, MOST, (reason, count) => {
    log.info({ event: 'left', reason, count }, `${count} more left: ${reason}`);
  });
  return (event) => {
    if (event.type === 'refused' && FULL.has(event.code) && !refused.hasRoom(event.code)) return;
    if (event.type === 'left' && FULL.has(event.reason) && !left.hasRoom(event.reason)) return;
    if (event.type === 'drained') {
      refused.flush();
      left.flush();
    }
    logEvent(log, event);
  };
}

/** Writes one event, with its facts as fields and as a sentence. */
export function logEvent(log: Logger, event: ServerEvent | AdminEvent): void {
  const { type } = event;
  switch (event.type) {
    case 'listening': {
      const { endpoint, address, port, maxConnections } = event;
      log.info(
        { event: type, endpoint, address, port, maxConnections },
        `listening on ${endpoint}, room for ${maxConnections} connections`,
      );
      return;
    }
    case 'admin':
      log.info(
        { event: type, address: event.address, port: event.port },
        `admin endpoint on http://${showAddress(event.address, event.port)}`,
      );
      return;
    case 'admin-failing':
      log.warn({ event: type, message: event.message }, `the admin endpoint fails: ${event.message}`);
      return;
    case 'failing':
      log.error({ event: type, message: event.message }, `cannot accept connections: ${event.message}`);
      return;
    case 'reloaded':
      log.info({ event: type, what: event.what }, `read the ${event.what} again`);
      return;
    case 'reload-failed':
      log.error(
        { event: type, what: event.what, message: event.message },
        `kept the ${event.what} as they were: ${event.message}`,
      );
      return;
    case 'joined':
      log.info(
        { event: type, name: event.name, remote: event.remote },
        `${event.name} joined from ${event.remote}`,
      );
      return;
    case 'refused':
      log.info(
        { event: type, code: event.code, name: event.name, remote: event.remote, detail: event.detail },
        `refused ${event.remote}: ${[event.code, event.name, event.detail].filter((part) => part !== undefined).join(' ')}`,
      );
      return;
    case 'left': {
      const { name, remote, reason, accepted, delivered, abandoned } = event;
      const counts = { accepted, delivered, abandoned };
      const sentence = `${name ?? 'a connection without a name'} left from ${remote} (${reason}): ${list(counts)}`;
      log[abandoned > 0 || reason === 'slow-consumer' ? 'warn' : 'info'](
        { event: type, name, remote, reason, ...counts },
        sentence,
      );
      return;
    }
    case 'draining':
      log.info(
        { event: type, sessions: event.sessions, deadline: event.deadline / 1000 },
        `draining ${sessionsOf(event.sessions)}, deadline in ${event.deadline / 1000} s`,
      );
      return;
    case 'drained': {
      const { sessions, delivered, abandoned, losses, milliseconds } = event.report;
      const seconds = milliseconds / 1000;
      log[abandoned > 0 ? 'error' : 'info'](
        { event: type, sessions, delivered, abandoned, losses, seconds },
        `drained ${sessionsOf(sessions)} in ${seconds} s: delivered ${delivered} since the signal, abandoned ${abandoned}`,
      );
      return;
    }
    default:
      event satisfies never;
  }
}

function sessionsOf(count: number): string {
  return count === 1 ? '1 session' : `${count} sessions`;
}

/** `accepted 3, delivered 2` */
function list(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ');
}
