import { type Kind, address, choice, endpoints, file, flag, mode, seconds, text, whole } from './kinds.ts';
import { ENDPOINT_FORMS } from '../protocol/endpoint.ts';

/** A setting of the server or the program. */
export interface Setting<T> extends Kind<T> {
  /** The default. */
  readonly value: T;
  /** The meaning, for the help text. */
  readonly help: string;
  /** The heading in the help text. */
  readonly group: string;
}

type Row<T> = Omit<Setting<T>, 'group'>;

function setting<T>(kind: Kind<T>, value: NoInfer<T>, help: string): Row<T> {
  return { ...kind, value, help };
}

function under<T extends object>(group: string, rows: T) {
  const settings = Object.entries(rows).map(([key, row]: [string, object]) => [key, { ...row, group }]);
  return Object.fromEntries(settings) as { readonly [K in keyof T]: T[K] & { readonly group: string } };
}

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

const LOG_FORMATS = ['auto', 'json', 'pretty'] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

/** Settings of the server. A program that embeds the server has them too. Times are ms. */
const server = {
  ...under('Listening:', {
    host: setting(text('<address>'), '127.0.0.1', 'address to listen on'),
    port: setting(whole(0, 65535, '<port>'), 8080, 'port to listen on; 0 takes a free one and prints it'),
    listen: setting(endpoints, [], `in place of these two, and as often as one likes: ${ENDPOINT_FORMS}`),
    socketMode: setting(mode, 0o600, 'who may use a Unix socket, as for chmod'),
  }),
  ...under('TLS:', {
    tlsCert: setting(file, undefined, 'certificate of the tls:// endpoints, with those that vouch for it'),
    tlsKey: setting(file, undefined, 'its private key'),
    tlsCa: setting(
      file,
      undefined,
      'signers of client certificates, which are required then; their common name is the login name',
    ),
    handshakeTimeout: setting(seconds(1), 10_000, 'how long a TLS handshake may take'),
  }),
  ...under('Ending:', {
    drainTimeout: setting(seconds(), 8000, 'how long a shutdown may take to deliver what was accepted'),
    lingerTimeout: setting(seconds(), 2000, 'how long a closed session waits for a silent peer to hang up'),
  }),
  ...under('Limits:', {
    loginTimeout: setting(seconds(1), 30_000, 'how long a connection may take to give its name'),
    idleTimeout: setting(seconds(), 0, 'how long a session may say nothing, 0 for ever'),
    writeTimeout: setting(
      seconds(1),
      10_000,
      'how long a recipient may take nothing while something waits for it',
    ),
    keepAlive: setting(
      seconds(),
      60_000,
      'silence after which the system asks whether a peer is still there, 0 for never',
    ),
    maxLine: setting(whole(1, 2 ** 28, '<bytes>'), 65536, 'longest line, without its line end'),
    maxRecipients: setting(whole(1, 2 ** 24, '<number>'), 1000, 'destinations of one line'),
    maxConnections: setting(whole(1, 2 ** 24, '<number>'), 10000, 'connections at a time'),
    maxConnectionsPerAddress: setting(whole(0, 2 ** 24, '<number>'), 0, 'of one address, 0 for any number'),
    maxPending: setting(whole(1, 2 ** 32, '<bytes>'), 16 * 2 ** 20, 'what may wait for one recipient'),
    maxPendingTotal: setting(
      whole(1, 2 ** 40, '<bytes>'),
      256 * 2 ** 20,
      'what may wait for all recipients together before those with the most slow their senders',
    ),
    maxRate: setting(
      whole(0, 2 ** 24, '<lines>'),
      0,
      'lines that a session may send a second before it is slowed, 0 for any',
    ),
  }),
  ...under('Security:', {
    accounts: setting(
      file,
      undefined,
      'names and passwords of those who may log in, as a-chat passwd writes them',
    ),
    guests: setting(flag, false, 'let in names that have no account, without a password'),
    insecure: setting(flag, false, 'let passwords come in plain text from other machines'),
  }),
  ...under('Protocol:', {
    plain: setting(
      flag,
      false,
      "send 'from' lines alone, for clients that know nothing else: no notices, no errors",
    ),
    allowControlChars: setting(flag, false, 'pass control characters on instead of showing stand-ins'),
  }),
};

/** Settings of the program alone. */
const program = under('Operating:', {
  admin: setting(
    address,
    '',
    'HTTP for the operator: /healthz, /readyz, /metrics; a bare port is on 127.0.0.1',
  ),
  logLevel: setting(choice(LOG_LEVELS, '<level>'), 'info', `one of ${LOG_LEVELS.join(', ')}`),
  logFormat: setting(
    choice(LOG_FORMATS, '<format>'),
    'auto',
    'json, or pretty for people; auto is pretty on a terminal',
  ),
});

/** Every setting, in the order of the help. */
export const settings = { ...server, ...program };

type ValuesOf<T extends Readonly<Record<string, { readonly value: unknown }>>> = {
  readonly [K in keyof T]: T[K]['value'];
};

export type Key = keyof typeof settings;
export type SettingsOfServer = ValuesOf<typeof server>;
export type Settings = SettingsOfServer & ValuesOf<typeof program>;

export function keys(): Key[] {
  return Object.keys(settings) as Key[];
}

/** The text of a setting's value. */
export function show<K extends Key>(key: K, value: Settings[K]): string {
  // The compiler does not see that a setting and its value belong together.
  const { show } = settings[key] as unknown as Setting<Settings[K]>;
  return show(value);
}
