import type { Observable } from 'rxjs';
import type { Connection } from './model/session.ts';
import type { Meter } from './operate/meter.ts';
import { contradictions } from './settings/conflicts.ts';
import { OptionError } from './settings/error.ts';
import { type SettingsOfServer, keys, settings } from './settings/table.ts';
import type { ShutdownSignal } from './shutdown.ts';

/** The options of `chatServer`: times in ms, sizes in bytes. */
export interface ServerOptions extends SettingsOfServer {
  /**
   * Begins the shutdown: the first value of an Observable, or an abort. A second value cuts the drain short.
   */
  readonly shutdown$?: ShutdownSignal | undefined;
  /**
   * Connections from elsewhere than the listener: bots, streams over WebSockets. Each is a session like those
   * of sockets, with all that goes for them; where there are accounts, those that are not `trusted` need a
   * password. They are not asked for any more once a shutdown began.
   */
  readonly connections$?: Observable<Connection> | undefined;
  /** Each value has the files of TLS and of accounts read again; whoever is here stays. */
  readonly reload$?: Observable<unknown> | undefined;
  /** Counts what the server does, if given. */
  readonly meter?: Meter | undefined;
}

/** Options that only a program can give. */
const OBJECTS = ['shutdown$', 'connections$', 'reload$', 'meter'] as const;

/** `options` over the defaults. Throws an `OptionError` for a value that cannot be. */
export function serverOptions(options: Partial<ServerOptions>): ServerOptions {
  const merged: Record<string, unknown> = {};
  for (const key of OBJECTS) merged[key] = options[key];
  const unknown = Object.keys(options).filter((key) => !(key in settings) && !(key in merged));
  const mistakes = unknown.map((key) => `${key} is no option`);
  for (const key of keys()) {
    const value: unknown = options[key as keyof ServerOptions];
    merged[key] = value ?? settings[key].value;
    const problem = value === undefined ? undefined : settings[key].check(value);
    if (problem !== undefined) mistakes.push(`${key} ${problem}`);
  }
  if (mistakes.length > 0) throw new OptionError(mistakes);
  const settled = merged as unknown as ServerOptions;
  mistakes.push(...contradictions(settled).map(({ key, problem }) => `${key} ${problem}`));
  if (mistakes.length > 0) throw new OptionError(mistakes);
  return settled;
}
