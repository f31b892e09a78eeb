import type { Observable } from 'rxjs';
import type { Connection } from './model/session.ts';
import type { Meter } from './operate/meter.ts';
import { contradictions } from './settings/conflicts.ts';
import { OptionError } from './settings/error.ts';
import { type SettingsOfServer, keys, settings } from './settings/table.ts';
import type { ShutdownSignal } from './shutdown.ts';

/** The options of `chatServer`. Times are in ms, sizes in bytes. */
export interface ServerOptions extends SettingsOfServer {
  /** Begins the shutdown, by its first value or an abort. A second value cuts the drain short. */
  readonly shutdown$?: ShutdownSignal | undefined;
  /**
   * Connections from the embedding program: bots, streams over WebSockets. Each becomes a session like that
   * of a socket, and the same rules apply to it. Where there are accounts, a connection that is not `trusted`
   * needs a password. The server unsubscribes when a shutdown begins.
   */
  readonly connections$?: Observable<Connection> | undefined;
  /** Each value has the files of TLS and of accounts read again. Open sessions stay. */
  readonly reload$?: Observable<unknown> | undefined;
  /** Counts what the server does. */
  readonly meter?: Meter | undefined;
}

/** Options that are no settings: only a program can give them. */
const PROGRAM_OPTIONS = ['shutdown$', 'connections$', 'reload$', 'meter'] as const;

/**
 * The options with the defaults of those that are missing. Throws an `OptionError` for unknown options,
 * invalid values and contradictions.
 */
export function serverOptions(options: Partial<ServerOptions>): ServerOptions {
  const merged: Record<string, unknown> = {};
  for (const key of PROGRAM_OPTIONS) merged[key] = options[key];
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
