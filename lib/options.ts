import type { Observable } from 'rxjs';
import { ENDPOINT_FORMS, type Endpoint, parseAddress, parseEndpoint } from './endpoint.ts';
import type { Meter } from './meter.ts';
import type { Connection } from './session.ts';
import type { ShutdownSignal } from './shutdown.ts';

/** Every setting once: what it means, its default, and what it may be. Times are ms here, seconds for the operator. */

/** One setting. `read` makes its value of what an operator wrote, `check` says what a value must be if it is not that. */
interface Setting<T> {
  readonly value: T;
  /** What stands for its value in the help text; empty for a switch. */
  readonly placeholder: string;
  readonly help: string;
  readonly read: (text: string) => T;
  readonly check: (value: T) => string | undefined;
  readonly show: (value: T) => string;
}

/** setTimeout's limit. */
const MAX_MS = 2 ** 31 - 1;

function text(value: string, placeholder: string, help: string): Setting<string> {
  const check = (given: unknown) =>
    typeof given === 'string' && given !== '' ? undefined : 'must be a text that is not empty';
  return { value, placeholder, help, check, read: (input) => input, show: (given) => given };
}

function choice<T extends string>(
  value: T,
  choices: readonly T[],
  placeholder: string,
  help: string,
): Setting<T> {
  const check = (given: string) =>
    choices.some((one) => one === given) ? undefined : `must be one of ${choices.join(', ')}`;
  return { value, placeholder, help, check, read: (input) => input as T, show: (given) => given };
}

function whole(
  value: number,
  [least, most]: [number, number],
  placeholder: string,
  help: string,
): Setting<number> {
  const check = (given: number) =>
    Number.isInteger(given) && given >= least && given <= most
      ? undefined
      : `must be a whole number from ${least} to ${most}`;
  const read = (input: string) => (/^\d+$/.test(input) ? Number(input) : NaN);
  return { value, placeholder, help, check, read, show: String };
}

function seconds(value: number, help: string, least = 0): Setting<number> {
  const check = (given: number) =>
    typeof given === 'number' && given >= least && given <= MAX_MS
      ? undefined
      : `must be a time from ${least / 1000} to ${Math.floor(MAX_MS / 1000)} s`;
  const read = (input: string) => (/^\d+(\.\d+)?$/.test(input) ? Math.round(Number(input) * 1000) : NaN);
  return {
    value: value * 1000,
    placeholder: '<seconds>',
    help,
    check,
    read,
    show: (given) => String(given / 1000),
  };
}

function flag(help: string): Setting<boolean> {
  const words = new Map([
    ['1', true],
    ['true', true],
    ['0', false],
    ['false', false],
  ]);
  const check = (given: unknown) => (typeof given === 'boolean' ? undefined : 'must be true or false');
  return {
    value: false,
    placeholder: '',
    help,
    check,
    // What is neither is passed on for `check` to refuse.
    read: (input) => words.get(input) ?? (input as unknown as boolean),
    show: String,
  };
}

/** Permissions, written in octal. */
function mode(value: number, help: string): Setting<number> {
  const check = (given: number) =>
    Number.isInteger(given) && given >= 0 && given <= 0o777 ? undefined : 'must be an octal number up to 777';
  const read = (input: string) => (/^[0-7]+$/.test(input) ? parseInt(input, 8) : NaN);
  return { value, placeholder: '<octal>', help, check, read, show: (given) => given.toString(8) };
}

/** Given once for each endpoint; in the environment separated by commas or blanks. */
function endpoints(help: string): Setting<readonly string[]> {
  const check = (given: unknown) =>
    Array.isArray(given) && given.every((one) => typeof one === 'string' && parseEndpoint(one) !== undefined)
      ? undefined
      : `must be ${ENDPOINT_FORMS}`;
  const read = (input: string) => input.split(/[\s,]+/).filter((one) => one !== '');
  return { value: [], placeholder: '<endpoint>', help, check, read, show: (given) => given.join(' ') };
}

function address(help: string): Setting<string> {
  const check = (given: unknown) =>
    given === '' || (typeof given === 'string' && parseAddress(given) !== undefined)
      ? undefined
      : 'must be <address>:<port> or <port>';
  return { value: '', placeholder: '<address>', help, check, read: (input) => input, show: (given) => given };
}

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

const LOG_FORMATS = ['auto', 'json', 'pretty'] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

export const settings = {
  host: text('127.0.0.1', '<address>', 'address to listen on'),
  port: whole(8080, [0, 65535], '<port>', 'port to listen on; 0 takes a free one and prints it'),
  listen: endpoints(`in place of these two, and as often as one likes: ${ENDPOINT_FORMS}`),
  socketMode: mode(0o600, 'who may use a Unix socket'),
  drainTimeout: seconds(8, 'how long a shutdown may take to deliver what was accepted'),
  lingerTimeout: seconds(2, 'how long a closed session waits for a silent peer to hang up'),
  loginTimeout: seconds(30, 'how long a connection may take to give its name', 1),
  idleTimeout: seconds(0, 'how long a session may say nothing, 0 for ever'),
  writeTimeout: seconds(10, 'how long a recipient may take nothing while something waits for it', 1),
  keepAlive: seconds(60, 'silence after which the system asks whether a peer is still there, 0 for never'),
  maxLine: whole(65536, [1, 2 ** 28], '<bytes>', 'longest line, without its line end'),
  maxConnections: whole(10000, [1, 2 ** 24], '<number>', 'connections at a time'),
  maxConnectionsPerAddress: whole(0, [0, 2 ** 24], '<number>', 'of one address, 0 for any number'),
  maxPending: whole(16 * 2 ** 20, [1, 2 ** 32], '<bytes>', 'what may wait for one recipient'),
  maxPendingTotal: whole(
    256 * 2 ** 20,
    [1, 2 ** 40],
    '<bytes>',
    'what may wait for all recipients together before every sender is slowed',
  ),
  maxRate: whole(
    0,
    [0, 2 ** 24],
    '<lines>',
    'lines that a session may send a second before it is slowed, 0 for any',
  ),
  plain: flag("send 'from' lines alone: no notices, no errors"),
  allowControlChars: flag('pass control characters on instead of showing stand-ins'),
  admin: address('HTTP for the operator: /healthz, /readyz, /metrics; a bare port is on 127.0.0.1'),
  logLevel: choice('info', LOG_LEVELS, '<level>', `one of ${LOG_LEVELS.join(', ')}`),
  logFormat: choice(
    'auto',
    LOG_FORMATS,
    '<format>',
    'json, or pretty for people; auto is pretty on a terminal',
  ),
} as const;

type Key = keyof typeof settings;
export type Settings = { readonly [K in Key]: (typeof settings)[K]['value'] };

/** The options of `chatServer`: times in ms, sizes in bytes. */
export interface ServerOptions extends Omit<Settings, 'admin' | 'logLevel' | 'logFormat'> {
  /** Begins the shutdown: the first value of an Observable, or an abort. A second value cuts the drain short. */
  readonly shutdown$?: ShutdownSignal | undefined;
  /**
   * Connections from elsewhere than the listener: bots, streams over WebSockets. Each is a session like those of sockets,
   * with all that goes for them. They are not asked for any more once a shutdown began.
   */
  readonly connections$?: Observable<Connection> | undefined;
  /** Counts what the server does, if given. */
  readonly meter?: Meter | undefined;
}

/** Options that only a program can give. */
const OBJECTS = ['shutdown$', 'connections$', 'meter'] as const;

/** A setting that is none: its message is one line that names it. */
export class OptionError extends RangeError {
  override readonly name = 'OptionError';
}

/** `options` over the defaults. Throws an `OptionError` for a value that cannot be. */
export function serverOptions(options: Partial<ServerOptions>): ServerOptions {
  const merged: Record<string, unknown> = {};
  for (const key of OBJECTS) merged[key] = options[key];
  const unknown = Object.keys(options).find((key) => !(key in settings) && !(key in merged));
  if (unknown !== undefined) throw new OptionError(`${unknown} is no option`);
  for (const key of keys()) merged[key] = checked(key, key, options[key as keyof ServerOptions]);
  return merged as unknown as ServerOptions;
}

/**
 * What an operator wrote, as settings: an option wins over the environment (`A_CHAT_PORT` for `--port`), that over the
 * default. An empty variable counts as unset, and what is not `wanted` is not looked at. Throws an `OptionError` that names the option or variable.
 */
export function readSettings<K extends Key = Key>(
  options: Readonly<Record<string, unknown>>,
  environment: Readonly<Record<string, string | undefined>>,
  wanted: readonly K[] = keys() as K[],
): Pick<Settings, K> {
  const merged: Record<string, unknown> = {};
  const short = (['host', 'port'] as const).find((key) => options[key] !== undefined);
  if (short !== undefined && options.listen !== undefined) {
    throw new OptionError(`${flagOf(short)} and --listen say the same thing twice: leave one of them out`);
  }
  for (const key of wanted) {
    const option = options[key];
    const variable = environment[variableOf(key)];
    const given = option ?? (variable === '' ? undefined : variable);
    const source = option === undefined ? variableOf(key) : flagOf(key);
    const value = typeof given === 'string' ? settings[key].read(given) : given;
    merged[key] = checked(key, source, value, given);
  }
  return merged as unknown as Pick<Settings, K>;
}

/** Where to listen: at each of `listen`, or in its absence at `host` and `port`. */
export function endpointsOf({ listen, host, port }: Pick<Settings, 'listen' | 'host' | 'port'>): Endpoint[] {
  if (listen.length === 0) return [{ transport: 'tcp', host, port }];
  return listen.map(parseEndpoint).filter((endpoint) => endpoint !== undefined);
}

export function keys(): Key[] {
  return Object.keys(settings) as Key[];
}

/** `--drain-timeout` */
export function flagOf(key: Key): string {
  return `--${words(key).join('-')}`;
}

/** `A_CHAT_DRAIN_TIMEOUT` */
export function variableOf(key: Key): string {
  return ['A_CHAT', ...words(key)].join('_').toUpperCase();
}

function words(key: Key): string[] {
  return key.split(/(?=[A-Z])/).map((word) => word.toLowerCase());
}

function checked(key: Key, source: string, value: unknown, written = value): unknown {
  if (value === undefined) return settings[key].value;
  const { check } = settings[key] as Setting<unknown>;
  const problem = check(value);
  if (problem !== undefined) throw new OptionError(`${source} ${problem}, not '${String(written)}'`);
  return value;
}
