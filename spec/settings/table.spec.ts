import { OptionError } from '../../lib/settings/error.ts';
import { flagOf, variableOf } from '../../lib/settings/option-names.ts';
import { resolveSettings } from '../../lib/settings/sources.ts';
import { type Settings, keys } from '../../lib/settings/table.ts';

const DEFAULTS: Settings = {
  host: '127.0.0.1',
  port: 8080,
  listen: [],
  socketMode: 0o600,
  tlsCert: undefined,
  tlsKey: undefined,
  tlsCa: undefined,
  handshakeTimeout: 10_000,
  drainTimeout: 8000,
  lingerTimeout: 2000,
  loginTimeout: 30_000,
  keepAlive: 60_000,
  maxPendingTotal: 268_435_456,
  writeTimeout: 10_000,
  idleTimeout: 0,
  maxLine: 65_536,
  maxRecipients: 1000,
  maxConnections: 10_000,
  maxConnectionsPerAddress: 0,
  maxRate: 0,
  maxPending: 16_777_216,
  accounts: undefined,
  guests: false,
  insecure: false,
  plain: false,
  allowControlChars: false,
  admin: '',
  logLevel: 'info',
  logFormat: 'auto',
};

/** Each setting with its option, its variable, what is written and what that means. */
const WRITTEN: readonly (readonly [keyof Settings, string, string, string, Settings[keyof Settings]])[] = [
  ['host', '--host', 'A_CHAT_HOST', '::1', '::1'],
  ['port', '--port', 'A_CHAT_PORT', '0', 0],
  ['port', '--port', 'A_CHAT_PORT', '65535', 65_535],
  ['listen', '--listen', 'A_CHAT_LISTEN', 'unix:/run/a-chat.sock', ['unix:/run/a-chat.sock']],
  ['tlsCert', '--tls-cert', 'A_CHAT_TLS_CERT', 'cert.pem', 'cert.pem'],
  ['tlsKey', '--tls-key', 'A_CHAT_TLS_KEY', 'key.pem', 'key.pem'],
  ['tlsCa', '--tls-ca', 'A_CHAT_TLS_CA', 'ca.pem', 'ca.pem'],
  ['handshakeTimeout', '--handshake-timeout', 'A_CHAT_HANDSHAKE_TIMEOUT', '2', 2000],
  ['socketMode', '--socket-mode', 'A_CHAT_SOCKET_MODE', '660', 0o660],
  ['drainTimeout', '--drain-timeout', 'A_CHAT_DRAIN_TIMEOUT', '1.5', 1500],
  ['lingerTimeout', '--linger-timeout', 'A_CHAT_LINGER_TIMEOUT', '0', 0],
  ['loginTimeout', '--login-timeout', 'A_CHAT_LOGIN_TIMEOUT', '0.25', 250],
  ['writeTimeout', '--write-timeout', 'A_CHAT_WRITE_TIMEOUT', '3600', 3_600_000],
  ['maxLine', '--max-line', 'A_CHAT_MAX_LINE', '1', 1],
  ['maxRecipients', '--max-recipients', 'A_CHAT_MAX_RECIPIENTS', '10', 10],
  ['maxConnections', '--max-connections', 'A_CHAT_MAX_CONNECTIONS', '3', 3],
  ['idleTimeout', '--idle-timeout', 'A_CHAT_IDLE_TIMEOUT', '0.5', 500],
  ['maxConnectionsPerAddress', '--max-connections-per-address', 'A_CHAT_MAX_CONNECTIONS_PER_ADDRESS', '4', 4],
  ['maxRate', '--max-rate', 'A_CHAT_MAX_RATE', '100', 100],
  ['maxPendingTotal', '--max-pending-total', 'A_CHAT_MAX_PENDING_TOTAL', '2097152', 2_097_152],
  ['keepAlive', '--keep-alive', 'A_CHAT_KEEP_ALIVE', '1.5', 1500],
  ['maxPending', '--max-pending', 'A_CHAT_MAX_PENDING', '1048576', 1_048_576],
  ['admin', '--admin', 'A_CHAT_ADMIN', '9090', '9090'],
  ['admin', '--admin', 'A_CHAT_ADMIN', '[::1]:0', '[::1]:0'],
  ['accounts', '--accounts', 'A_CHAT_ACCOUNTS', '/etc/a-chat', '/etc/a-chat'],
  ['logLevel', '--log-level', 'A_CHAT_LOG_LEVEL', 'warn', 'warn'],
  ['logFormat', '--log-format', 'A_CHAT_LOG_FORMAT', 'pretty', 'pretty'],
];

/** Values that cannot be, of each kind. */
const WRONG: readonly (readonly [string, string])[] = [
  ['--host', ''],
  ['--port', ''],
  ['--port', 'http'],
  ['--port', '-1'],
  ['--port', '65536'],
  ['--port', '80.5'],
  ['--port', '0x50'],
  ['--port', '1e3'],
  ['--port', ' 80'],
  ['--keep-alive', '-1'],
  ['--max-pending-total', '0'],
  ['--listen', ''],
  ['--listen', '127.0.0.1:8080'],
  ['--listen', 'tcp://127.0.0.1'],
  ['--listen', 'tcp://127.0.0.1:65536'],
  ['--listen', 'tcp://::1:8080'],
  ['--listen', 'http://127.0.0.1:8080'],
  ['--listen', 'unix:'],
  ['--tls-cert', ''],
  ['--handshake-timeout', '0'],
  ['--socket-mode', '1000'],
  ['--socket-mode', 'rw'],
  ['--drain-timeout', 'soon'],
  ['--drain-timeout', '-1'],
  ['--drain-timeout', '5s'],
  ['--drain-timeout', 'Infinity'],
  ['--linger-timeout', '1e9'],
  ['--login-timeout', '99999999'],
  ['--write-timeout', '.'],
  ['--max-line', '0'],
  ['--max-line', '268435457'],
  ['--max-connections', '0'],
  ['--max-connections', 'many'],
  ['--idle-timeout', 'never'],
  ['--max-connections-per-address', '-1'],
  ['--max-rate', '1.5'],
  ['--max-pending', '16M'],
  ['--admin', 'http://127.0.0.1:9090'],
  ['--admin', '127.0.0.1'],
  ['--admin', '65536'],
  ['--accounts', ''],
  ['--log-level', 'loud'],
  ['--log-level', 'INFO'],
  ['--log-format', 'text'],
];

test('all settings are in the tables here, under the names that operators know them by', () => {
  const switches = keys().filter((key) => typeof DEFAULTS[key] === 'boolean');
  expect([...new Set([...WRITTEN.map(([key]) => key), ...switches])].sort()).toEqual([...keys()].sort());
  for (const [key, option, variable] of WRITTEN) {
    expect([flagOf(key), variableOf(key)]).toEqual([option, variable]);
  }
});

test('a setting has its default where nothing is said', () => {
  expect(resolveSettings({}, {}).values).toEqual(DEFAULTS);
});

test.each(WRITTEN)('%s is read from %s and from %s: %s', (key, _option, variable, text, value) => {
  // Files for TLS are nothing without each other and an endpoint.
  const isTls = key.startsWith('tls');
  const beside: Partial<Settings> = isTls
    ? { listen: ['tls://127.0.0.1:0'], tlsCert: 'other.pem', tlsKey: 'other.pem' }
    : {};
  const environment = isTls
    ? { A_CHAT_LISTEN: 'tls://127.0.0.1:0', A_CHAT_TLS_CERT: 'other.pem', A_CHAT_TLS_KEY: 'other.pem' }
    : {};
  const expected = { ...DEFAULTS, ...beside, [key]: value };
  expect(resolveSettings({ [key]: key === 'listen' ? [text] : text }, environment).values).toEqual(expected);
  expect(resolveSettings({}, { ...environment, [variable]: text }).values).toEqual(expected);
});

test.each(WRONG)('%s %j is refused, as option and as variable, and named', (option, text) => {
  const key = keys().find((one) => flagOf(one) === option);
  if (key === undefined) throw new Error(`no such option ${option}`);
  const resolve = (variables: Record<string, string>, given?: string) => () =>
    resolveSettings({ [key]: key === 'listen' && given !== undefined ? [given] : given }, variables);
  expect(resolve({}, text)).toThrow(new RegExp(`^${option} must be [^\\n]+, not '${text}'$`));
  expect(resolve({}, text)).toThrow(OptionError);
  if (text === '') return;
  const variable = variableOf(key);
  expect(resolve({ [variable]: text })).toThrow(new RegExp(`^${variable} must be [^\\n]+, not '${text}'$`));
});
