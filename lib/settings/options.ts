import { BlockList, isIP } from 'node:net';
import {
  ENDPOINT_FORMS,
  type Endpoint,
  isSecure,
  parseAddress,
  parseEndpoint,
  showEndpoint,
} from '../protocol/endpoint.ts';
import { endpointProblem } from './socket-path.ts';
import { overlapOf } from '../protocol/endpoint-overlap.ts';

/**
 * Every setting once: what it means, its default, and what it may be. Times are ms here, seconds for the
 * operator.
 */

/**
 * One setting. `read` makes its value of what an operator wrote, `check` says what a value must be if it is
 * not that.
 */
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

/** A file that there need not be. */
function file(help: string): Setting<string | undefined> {
  const check = (given: unknown) =>
    typeof given === 'string' && given !== '' ? undefined : 'must be the name of a file';
  return {
    value: undefined,
    placeholder: '<file>',
    help,
    check,
    read: (input) => input,
    show: (given) => given ?? 'none',
  };
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
  const problemOf = (one: unknown) => {
    const endpoint = typeof one === 'string' ? parseEndpoint(one) : undefined;
    return endpoint === undefined ? `must be ${ENDPOINT_FORMS}` : endpointProblem(endpoint);
  };
  const check = (given: unknown) =>
    Array.isArray(given)
      ? given.map(problemOf).find((problem) => problem !== undefined)
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
  tlsCert: file('certificate of the tls:// endpoints, with those that vouch for it'),
  tlsKey: file('its private key'),
  tlsCa: file('signers of client certificates, which are required then; their common name is the login name'),
  handshakeTimeout: seconds(10, 'how long a TLS handshake may take', 1),
  drainTimeout: seconds(8, 'how long a shutdown may take to deliver what was accepted'),
  lingerTimeout: seconds(2, 'how long a closed session waits for a silent peer to hang up'),
  loginTimeout: seconds(30, 'how long a connection may take to give its name', 1),
  idleTimeout: seconds(0, 'how long a session may say nothing, 0 for ever'),
  writeTimeout: seconds(10, 'how long a recipient may take nothing while something waits for it', 1),
  keepAlive: seconds(60, 'silence after which the system asks whether a peer is still there, 0 for never'),
  maxLine: whole(65536, [1, 2 ** 28], '<bytes>', 'longest line, without its line end'),
  maxRecipients: whole(1000, [1, 2 ** 24], '<number>', 'destinations of one line'),
  maxConnections: whole(10000, [1, 2 ** 24], '<number>', 'connections at a time'),
  maxConnectionsPerAddress: whole(0, [0, 2 ** 24], '<number>', 'of one address, 0 for any number'),
  maxPending: whole(16 * 2 ** 20, [1, 2 ** 32], '<bytes>', 'what may wait for one recipient'),
  maxPendingTotal: whole(
    256 * 2 ** 20,
    [1, 2 ** 40],
    '<bytes>',
    'what may wait for all recipients together before those with the most slow their senders',
  ),
  maxRate: whole(
    0,
    [0, 2 ** 24],
    '<lines>',
    'lines that a session may send a second before it is slowed, 0 for any',
  ),
  accounts: file('names and passwords of those who may log in, as a-chat passwd writes them'),
  guests: flag('let in names that have no account, without a password'),
  insecure: flag('let passwords come in plain text from other machines'),
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

/** Under which heading the help has each of them. */
export const groups: Readonly<Record<Key, string>> = {
  ...{ host: 'Listening:', port: 'Listening:', listen: 'Listening:', socketMode: 'Listening:' },
  ...{ tlsCert: 'TLS:', tlsKey: 'TLS:', tlsCa: 'TLS:', handshakeTimeout: 'TLS:' },
  ...{ drainTimeout: 'Ending:', lingerTimeout: 'Ending:' },
  ...{
    maxLine: 'Limits:',
    maxRecipients: 'Limits:',
    maxRate: 'Limits:',
    maxConnections: 'Limits:',
    maxConnectionsPerAddress: 'Limits:',
  },
  ...{ maxPending: 'Limits:', maxPendingTotal: 'Limits:', writeTimeout: 'Limits:' },
  ...{ loginTimeout: 'Limits:', idleTimeout: 'Limits:', keepAlive: 'Limits:' },
  ...{ accounts: 'Security:', guests: 'Security:', insecure: 'Security:' },
  ...{ plain: 'Protocol:', allowControlChars: 'Protocol:' },
  ...{ admin: 'Operating:', logLevel: 'Operating:', logFormat: 'Operating:' },
};

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8);
LOOPBACK.addAddress('::1', 'ipv6');

export type Key = keyof typeof settings;
export type Settings = { readonly [K in Key]: (typeof settings)[K]['value'] };

/** Those of the server; the others are the program's. */
export type SettingsOfServer = Omit<Settings, 'admin' | 'logLevel' | 'logFormat'>;

/** Settings that are none: the message names them. */
export class OptionError extends RangeError {
  override readonly name = 'OptionError';
  /** One line for each of them. */
  readonly mistakes: readonly string[];

  constructor(mistakes: string | readonly string[]) {
    const list = typeof mistakes === 'string' ? [mistakes] : mistakes;
    super(list.join('; '));
    this.mistakes = list;
  }
}

/**
 * Settings that are right one by one, but not together: what is wrong with `key` beside what else there is.
 */
interface Contradiction {
  readonly key: Key;
  readonly problem: string;
  /** All that it is about; if one of these is no setting, nobody knows. */
  readonly among: readonly Key[];
}

const PLACES: readonly Key[] = ['listen', 'host', 'port'];

/** What is wrong with settings beside each other. */
export function contradictions(options: SettingsOfServer): Contradiction[] {
  const overlap = overlapOf(endpointsOf(options));
  const places: Contradiction[] =
    overlap === undefined ? [] : [{ key: 'listen', problem: overlap, among: ['listen'] }];
  return [...places, ...contradictionsOfTls(options), ...contradictionsOfAccounts(options)];
}

/** Where TLS could not work, or where somebody may think that it does. */
function contradictionsOfTls(
  options: Pick<Settings, 'tlsCert' | 'tlsKey' | 'tlsCa' | 'listen' | 'host' | 'port'>,
): Contradiction[] {
  const { tlsCert, tlsKey } = options;
  if (endpointsOf(options).some(isSecure)) {
    if (tlsCert !== undefined && tlsKey !== undefined) return [];
    const problem = 'has a tls:// endpoint, which needs a certificate and its key: --tls-cert and --tls-key';
    return [{ key: 'listen', problem, among: ['listen', 'tlsCert', 'tlsKey'] }];
  }
  const problem = 'does nothing without a tls:// endpoint: --listen tls://<address>:<port>';
  const key = (['tlsCert', 'tlsKey', 'tlsCa'] as const).find((file) => options[file] !== undefined);
  return key === undefined ? [] : [{ key, problem, among: [key, ...PLACES] }];
}

/** What keeps the accounts from doing what they are for. */
function contradictionsOfAccounts(
  options: Pick<Settings, 'accounts' | 'guests' | 'insecure' | 'listen' | 'host' | 'port'>,
): Contradiction[] {
  const { accounts, guests, insecure } = options;
  if (accounts === undefined) {
    return guests
      ? [{ key: 'guests', problem: 'means nothing without accounts', among: ['guests', 'accounts'] }]
      : [];
  }
  const open = endpointsOf(options).find(isOpen);
  if (open === undefined || insecure) return [];
  const problem = `at ${showEndpoint(open)}: passwords would pass in plain text; listen on 127.0.0.1, or say insecure`;
  return [{ key: 'accounts', problem, among: ['accounts', 'insecure', ...PLACES] }];
}

/** Whether other machines may come in there in plain text. What systemd listens on is not known yet. */
function isOpen(at: Endpoint): boolean {
  return at.transport === 'systemd' || (at.transport === 'tcp' && !isLoopback(at.host));
}

function isLoopback(host: string): boolean {
  const version = isIP(host);
  if (version === 0) return host === 'localhost';
  return LOOPBACK.check(host, version === 4 ? 'ipv4' : 'ipv6');
}

/** A value as an operator wrote it, and where: `--port`, `A_CHAT_PORT`, or a place in a file. */
export interface Written {
  readonly value: string | boolean | readonly string[];
  readonly place: string;
}

/** Settings, and where each came from that is not a default. */
export interface Resolved<K extends Key> {
  readonly values: Pick<Settings, K>;
  readonly places: ReadonlyMap<Key, string>;
  /** What has no effect, as something else stands in its place. */
  readonly hidden: ReadonlySet<Key>;
  /** What was passed over, and why, one line each. */
  readonly notes: readonly string[];
}

/** What a file of settings says, and what is wrong with it; each with its place, `a-chat.yaml:3:7`. */
export interface FileOfSettings {
  readonly given: ReadonlyMap<Key, Written>;
  readonly mistakes: readonly string[];
  /** Settings that it has, but that cannot be. */
  readonly wrong: ReadonlySet<Key>;
}

export const NO_FILE: FileOfSettings = { given: new Map(), mistakes: [], wrong: new Set() };

type Source = (key: Key) => Written | undefined;

/**
 * What an operator wrote, as settings: an option wins over the environment (`A_CHAT_PORT` for `--port`), that
 * over the file, that over the default. An empty variable counts as unset, and what is not `wanted` is not
 * looked at. Throws an `OptionError` that names every mistake, those of the file included.
 */
export function resolveSettings<K extends Key = Key>(
  options: Readonly<Record<string, unknown>>,
  environment: Readonly<Record<string, string | undefined>>,
  file: FileOfSettings,
  wanted: readonly K[] = keys() as K[],
): Resolved<K> {
  const written = (value: unknown, place: string) =>
    value === undefined || value === '' ? undefined : { value: value as Written['value'], place };
  const variable = (key: Key) => {
    const name = variableOf(key);
    return isOfService(name, environment[name]) ? undefined : written(environment[name], name);
  };
  const sources: readonly Source[] = [
    (key) =>
      options[key] === '' ? { value: '', place: flagOf(key) } : written(options[key], givenAs(key, options)),
    variable,
    (key) => file.given.get(key),
  ];
  const mistakes = [...strangers(environment), ...file.mistakes];
  const wrong = new Set(file.wrong);
  const values: Record<string, unknown> = {};
  const places = new Map<Key, string>();
  const hidden = (wanted as readonly Key[]).includes('listen') ? hiddenBy(sources, mistakes) : new Set<Key>();
  for (const key of wanted) {
    const found = hidden.has(key)
      ? undefined
      : sources.map((source) => source(key)).find((one) => one !== undefined);
    values[key] = settings[key].value;
    if (found === undefined) continue;
    const { value, place } = found;
    const problem = mistakeIn(key, value);
    if (problem !== undefined) {
      mistakes.push(`${place} ${problem}`);
      wrong.add(key);
    }
    values[key] = meant(key, value);
    places.set(key, place);
  }
  if (wanted.length === keys().length) {
    for (const { key, problem, among } of contradictions(values as unknown as Settings)) {
      if (!among.some((one) => wrong.has(one))) mistakes.push(`${subject(key, places.get(key))} ${problem}`);
    }
  }
  if (mistakes.length > 0) throw new OptionError(mistakes);
  const notes = isOfService(variableOf('port'), environment[variableOf('port')]) ? [SERVICE_NOTE] : [];
  return { values: values as unknown as Pick<Settings, K>, places, hidden, notes };
}

/** Variables that are no settings, but mean something to the commands. */
const OTHERS: ReadonlySet<string> = new Set(['A_CHAT_CONFIG']);

/**
 * Variables that Kubernetes sets for a service called a-chat, or a-chat-something, and Docker for a link of
 * that name.
 */
const OF_SERVICES = /^A_CHAT_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_\w+|ENV_\w+)$/;

/** More of them, which have this where one expects a number, or a name. */
const PORT_OF_SERVICE = /^A_CHAT_(\w+_)?PORT=(tcp|udp|sctp):\/\//;
const NAME_OF_LINK = /^A_CHAT_(\w+_)?NAME=\//;

const SERVICE_NOTE =
  'A_CHAT_PORT is not taken for the port: it is the address of a service, which Kubernetes sets where enableServiceLinks is on';

function isOfService(name: string, value = ''): boolean {
  const line = `${name}=${value}`;
  return OF_SERVICES.test(name) || PORT_OF_SERVICE.test(line) || NAME_OF_LINK.test(line);
}

/** A line for each variable that looks like a setting and is none. */
function strangers(environment: Readonly<Record<string, string | undefined>>): string[] {
  const known = new Set([...keys().map(variableOf), ...OTHERS]);
  return Object.entries(environment)
    .filter(([name, value]) => name.startsWith('A_CHAT_') && value !== '' && !known.has(name))
    .filter(([name, value]) => !isOfService(name, value))
    .map(([name]) => `there is no setting for the variable ${name}`);
}

/** `resolveSettings` without a file, for the values alone. */
export function readSettings<K extends Key = Key>(
  options: Readonly<Record<string, unknown>>,
  environment: Readonly<Record<string, string | undefined>>,
  wanted: readonly K[] = keys() as K[],
): Pick<Settings, K> {
  return resolveSettings(options, environment, NO_FILE, wanted).values;
}

/**
 * `host` and `port` are the short form of `listen`: the one that comes from the stronger source hides the
 * other. Both from one source are a mistake, but for the environment, where some of it may be somebody
 * else's.
 */
function hiddenBy(sources: readonly Source[], mistakes: string[]): ReadonlySet<Key> {
  const short: readonly Key[] = ['host', 'port'];
  for (const source of sources) {
    const listen = source('listen');
    const other = short.map(source).find((one) => one !== undefined);
    const says = listen !== undefined && !(Array.isArray(listen.value) && listen.value.length === 0);
    if (
      says &&
      other !== undefined &&
      other.place !== variableOf('host') &&
      other.place !== variableOf('port')
    ) {
      mistakes.push(`${other.place} and ${listen.place} say the same thing twice: leave one of them out`);
    }
    if (says) return new Set(short);
    if (other !== undefined) return new Set(['listen']);
  }
  return new Set();
}

/** What a mistake is about, with its place: `--guests`, or `a-chat.yaml:3:7 guests`. */
function subject(key: Key, place: string | undefined): string {
  if (place === undefined) return nameOf(key);
  return place === flagOf(key) || place === variableOf(key) ? place : `${place} ${nameOf(key)}`;
}

/** The value that is meant by what was written. */
function meant(key: Key, value: Written['value']): unknown {
  return typeof value === 'string' ? settings[key].read(value) : value;
}

/** What is wrong with a value, if anything. */
export function problemOf(key: Key, value: unknown): string | undefined {
  const { check } = settings[key] as Setting<unknown>;
  const problem = check(value);
  return problem === undefined ? undefined : `${problem}, not ${quote(value)}`;
}

/** What is wrong with what was written, if anything. */
export function mistakeIn(key: Key, value: Written['value']): string | undefined {
  const { check } = settings[key] as Setting<unknown>;
  const problem = check(meant(key, value));
  return problem === undefined ? undefined : `${problem}, not ${quote(value)}`;
}

/** Where to listen: at each of `listen`, or in its absence at `host` and `port`. */
export function endpointsOf({ listen, host, port }: Pick<Settings, 'listen' | 'host' | 'port'>): Endpoint[] {
  if (listen.length === 0) return [{ transport: 'tcp', host, port }];
  return listen.map(parseEndpoint).filter((endpoint) => endpoint !== undefined);
}

export function keys(): Key[] {
  return Object.keys(settings) as Key[];
}

/** `drain-timeout` */
export function nameOf(key: Key): string {
  return words(key).join('-');
}

/** `--drain-timeout` */
export function flagOf(key: Key): string {
  return `--${nameOf(key)}`;
}

/** `--no-plain`, which switches it off. */
export function counterflagOf(key: Key): string {
  return `--no-${nameOf(key)}`;
}

/** What a setting was given by on the command line. */
function givenAs(key: Key, options: Readonly<Record<string, unknown>>): string {
  return options[key] === false ? counterflagOf(key) : flagOf(key);
}

/** `A_CHAT_DRAIN_TIMEOUT` */
export function variableOf(key: Key): string {
  return ['A_CHAT', ...words(key)].join('_').toUpperCase();
}

function words(key: Key): string[] {
  return key.split(/(?=[A-Z])/).map((word) => word.toLowerCase());
}

function quote(value: unknown): string {
  return `'${String(value)}'`;
}
