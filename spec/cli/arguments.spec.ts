import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { PassThrough } from 'node:stream';
import { pino } from 'pino';
import { type Order, readCommandLine } from '../../lib/cli/arguments.ts';
import { complaint, explain } from '../../lib/cli/failures.ts';
import type { AdminEvent } from '../../lib/operate/admin.ts';
import type { ServerEvent } from '../../lib/model/server-events.ts';
import { createLog, logEvent } from '../../lib/operate/log.ts';
import {
  NO_FILE,
  OptionError,
  type Settings,
  flagOf,
  groups,
  keys,
  readSettings,
  resolveSettings,
  variableOf,
} from '../../lib/settings/options.ts';
import { Peer } from '../support/peer.ts';
import { MAIN, Program } from '../support/program.ts';
import { until } from '../support/until.ts';

/** Reads a command line, with all that it printed. */
function read(...args: string[]): { order: Order; out: string; err: string } {
  let out = '';
  let err = '';
  const order = readCommandLine(args, '1.2.3', {
    out: (text) => (out += text),
    err: (text) => (err += text),
  });
  return { order, out, err };
}

/** The settings that a command line and an environment make. */
function settingsOf(args: readonly string[], environment: Record<string, string> = {}): Settings {
  const { order } = read(...args);
  if (order.command === 'exit') throw new Error(`no settings in ${args.join(' ')}`);
  return readSettings(order.options, environment);
}

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

const ONE_LINE = /^a-chat: [^\n]+\n$/;

const EVENTS: readonly (ServerEvent | AdminEvent)[] = [
  {
    type: 'listening',
    endpoint: 'tcp://127.0.0.1:8080',
    address: '127.0.0.1',
    port: 8080,
    maxConnections: 10_000,
  },
  {
    type: 'listening',
    endpoint: 'unix:/run/a-chat.sock',
    address: '/run/a-chat.sock',
    port: undefined,
    maxConnections: 960,
  },
  { type: 'failing', message: 'accept EMFILE' },
  { type: 'reloaded', what: 'accounts' },
  { type: 'reload-failed', what: 'accounts', message: 'accounts, line 3: the same name again' },
  { type: 'admin', address: '::1', port: 9090 },
  { type: 'admin-failing', message: 'accept EMFILE' },
  { type: 'reloaded', what: 'certificates' },
  { type: 'reload-failed', what: 'certificates', message: 'key.pem: key values mismatch' },
  { type: 'refused', code: 'tls-failed', name: undefined, remote: '10.0.0.1:4', detail: 'http request' },
  { type: 'joined', name: 'alice', remote: '10.0.0.1:5' },
  { type: 'refused', code: 'name-taken', name: 'alice', remote: '10.0.0.1:6' },
  { type: 'refused', code: 'server-full', name: undefined, remote: '10.0.0.1:7' },
  {
    type: 'left',
    name: 'alice',
    remote: '10.0.0.1:5',
    reason: 'quit',
    accepted: 3,
    delivered: 2,
    abandoned: 0,
  },
  {
    type: 'left',
    name: undefined,
    remote: '10.0.0.1:8',
    reason: 'eof',
    accepted: 0,
    delivered: 0,
    abandoned: 0,
  },
  {
    type: 'left',
    name: 'bob',
    remote: '10.0.0.1:9',
    reason: 'slow-consumer',
    accepted: 0,
    delivered: 5,
    abandoned: 7,
  },
  { type: 'draining', sessions: 2, deadline: 8000 },
  {
    type: 'drained',
    report: { sessions: 2, delivered: 4, abandoned: 0, losses: [], milliseconds: 1250 },
  },
  {
    type: 'drained',
    report: {
      sessions: 2,
      delivered: 4,
      abandoned: 7,
      losses: [{ name: 'bob', remote: '10.0.0.1:9', reason: 'deadline', abandoned: 7 }],
      milliseconds: 8001,
    },
  },
];

/** The log lines of events, through the program's own log format. */
function logged(events: readonly (ServerEvent | AdminEvent)[]): Record<string, unknown>[] {
  const stream = new PassThrough();
  const log = pino({ level: 'trace', base: null, timestamp: false }, stream);
  for (const event of events) logEvent(log, event);
  const text = (stream.read() as Buffer | null)?.toString() ?? '';
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

const children: ChildProcess[] = [];

afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGKILL');
    await until(() => child.signalCode !== null, 'the child to end');
  }
  await Program.stopAll();
});

describe('settings', () => {
  test('have their defaults when nothing is said', () => {
    expect(settingsOf([])).toEqual(DEFAULTS);
    expect(settingsOf(['serve'])).toEqual(DEFAULTS);
  });

  test.each(WRITTEN)('%s is read from %s and from %s: %s', (key, option, variable, text, value) => {
    // Files for TLS are nothing without each other and an endpoint.
    const beside: Partial<Settings> = key.startsWith('tls')
      ? { listen: ['tls://127.0.0.1:0'], tlsCert: 'other.pem', tlsKey: 'other.pem' }
      : {};
    const environment = key.startsWith('tls')
      ? { A_CHAT_LISTEN: 'tls://127.0.0.1:0', A_CHAT_TLS_CERT: 'other.pem', A_CHAT_TLS_KEY: 'other.pem' }
      : {};
    const expected = { ...DEFAULTS, ...beside, [key]: value };
    expect(settingsOf([option, text], environment)).toEqual(expected);
    expect(settingsOf([`${option}=${text}`], environment)).toEqual(expected);
    expect(settingsOf([], { ...environment, [variable]: text })).toEqual(expected);
  });

  test.each([
    ['guests', '--guests', 'A_CHAT_GUESTS'],
    ['insecure', '--insecure', 'A_CHAT_INSECURE'],
    ['plain', '--plain', 'A_CHAT_PLAIN'],
    ['allowControlChars', '--allow-control-chars', 'A_CHAT_ALLOW_CONTROL_CHARS'],
  ] as const)('%s is switched on by %s, on and off by %s', (key, option, variable) => {
    // Guests are nothing without accounts.
    const accounts = { A_CHAT_ACCOUNTS: 'accounts' };
    expect(settingsOf([option], accounts)[key]).toBe(true);
    for (const [text, value] of [
      ['1', true],
      ['true', true],
      ['0', false],
      ['false', false],
    ] as const) {
      expect(settingsOf([], { ...accounts, [variable]: text })[key]).toBe(value);
    }
    expect(settingsOf([option], { ...accounts, [variable]: 'false' })[key]).toBe(true);
    expect(() => settingsOf([], { [variable]: 'maybe' })).toThrow(
      new OptionError(`${variable} must be true or false, not 'maybe'`),
    );
  });

  test('that are switches are switched off by --no-..., whatever the environment and the file say', () => {
    for (const key of keys().filter((one) => typeof DEFAULTS[one] === 'boolean')) {
      const [on, off] = [flagOf(key), flagOf(key).replace('--', '--no-')];
      const environment = { [variableOf(key)]: 'true', A_CHAT_ACCOUNTS: 'accounts' };
      expect(settingsOf([off], environment)[key]).toBe(false);
      expect(settingsOf([on, off], environment)[key]).toBe(false);
      expect(settingsOf([off, on], environment)[key]).toBe(true);
      expect(settingsOf(['serve', off], environment)[key]).toBe(false);
      expect(settingsOf(['config', off], environment)[key]).toBe(false);
      const file = new Map([[key, { value: 'true', place: 'a-chat.yaml:1:1' }]]);
      const given = (options: Record<string, unknown>, variables: Record<string, string>) =>
        resolveSettings(options, { A_CHAT_ACCOUNTS: 'accounts', ...variables }, { ...NO_FILE, given: file });
      expect(given({}, {}).values[key]).toBe(true);
      expect(given({}, { [variableOf(key)]: 'false' }).values[key]).toBe(false);
      const { order } = read(off);
      const resolved = given(order.command === 'serve' ? order.options : {}, {});
      expect([resolved.values[key], resolved.places.get(key)]).toEqual([false, off]);
    }
  });

  test('that there are not are refused where a variable asks for them', () => {
    for (const name of ['A_CHAT_DRAIN_TIMOUT', 'A_CHAT_', 'A_CHAT_PROT', 'A_CHAT_MY_PORT', 'A_CHAT_NAME']) {
      const mistake = new OptionError(`there is no setting for the variable ${name}`);
      expect(() => settingsOf([], { [name]: '5' })).toThrow(mistake);
      expect(() => readSettings({}, { [name]: '5' }, ['host', 'port'])).toThrow(mistake);
      expect(settingsOf([], { [name]: '' })).toEqual(DEFAULTS);
    }
    expect(settingsOf([], { A_CHAT_CONFIG: 'a-chat.yaml', A_CHATTER: '1', a_chat_port: '1' })).toEqual(
      DEFAULTS,
    );
  });

  test('are not what Kubernetes says of services that are called like this program', () => {
    const of = (service: string, ip: string, port: number) => ({
      [`${service}_SERVICE_HOST`]: ip,
      [`${service}_SERVICE_PORT`]: String(port),
      [`${service}_SERVICE_PORT_CHAT`]: String(port),
      [`${service}_PORT`]: `tcp://${ip}:${port}`,
      [`${service}_PORT_${port}_TCP`]: `tcp://${ip}:${port}`,
      [`${service}_PORT_${port}_TCP_PROTO`]: 'tcp',
      [`${service}_PORT_${port}_TCP_PORT`]: String(port),
      [`${service}_PORT_${port}_TCP_ADDR`]: ip,
    });
    const environment = {
      ...of('A_CHAT', '10.96.0.10', 8080),
      ...of('A_CHAT_ADMIN', 'fd00::1', 9090),
      // What Docker's links add.
      A_CHAT_NAME: '/web/a-chat',
      A_CHAT_ENV_NODE_VERSION: '22.1.0',
    };
    const resolved = resolveSettings({}, environment, NO_FILE);
    expect(resolved.values).toEqual(DEFAULTS);
    expect(resolved.notes).toEqual([expect.stringContaining('A_CHAT_PORT')]);
    expect(settingsOf(['--port', '1'], environment).port).toBe(1);
    const file = {
      ...NO_FILE,
      given: new Map([['port' as const, { value: '2', place: 'a-chat.yaml:1:1' }]]),
    };
    expect(resolveSettings({}, environment, file).values.port).toBe(2);
    expect(resolveSettings({}, { A_CHAT_PORT: '3' }, NO_FILE).notes).toEqual([]);
  });

  test('are all covered by the tables here', () => {
    const covered = new Set([
      ...WRITTEN.map(([key]) => key),
      'guests',
      'insecure',
      'plain',
      'allowControlChars',
    ]);
    expect([...covered].sort()).toEqual([...keys()].sort());
    for (const [key, option, variable] of WRITTEN) {
      expect([flagOf(key), variableOf(key)]).toEqual([option, variable]);
    }
  });

  test('of the command line win over the environment, even over nonsense there', () => {
    expect(settingsOf(['--port', '1'], { A_CHAT_PORT: '2' }).port).toBe(1);
    expect(settingsOf(['--port', '1'], { A_CHAT_PORT: 'two' }).port).toBe(1);
  });

  test('of endpoints may be several, and leave no place for the short form beside them', () => {
    const [first, second] = ['tcp://[::1]:8080', 'unix:/run/a, chat.sock'];
    expect(settingsOf(['--listen', first, '--listen', second]).listen).toEqual([first, second]);
    const environment = { A_CHAT_LISTEN: 'tcp://a:1, unix:/run/b.sock\ttcp://[::]:0', A_CHAT_PORT: '1' };
    expect(settingsOf([], environment).listen).toEqual(['tcp://a:1', 'unix:/run/b.sock', 'tcp://[::]:0']);
    expect(settingsOf(['--listen', first], environment).listen).toEqual([first]);
    for (const short of ['--port=1', '--host=::']) {
      expect(() => settingsOf([short, '--listen', first])).toThrow(OptionError);
    }
  });

  test('of empty variables are as if unset', () => {
    const empty = Object.fromEntries(keys().map((key) => [variableOf(key), '']));
    expect(settingsOf([], empty)).toEqual(DEFAULTS);
  });

  test.each(WRONG)('refuse %s %j, as option and as variable, and name it', (option, text) => {
    const key = keys().find((one) => flagOf(one) === option);
    if (key === undefined) throw new Error(`no such option ${option}`);
    const ending = new RegExp(`^${option} must be [^\\n]+, not '${text}'$`);
    expect(() => settingsOf([`${option}=${text}`])).toThrow(ending);
    expect(() => settingsOf([`${option}=${text}`])).toThrow(OptionError);
    if (text === '') return;
    const variable = variableOf(key);
    expect(() => settingsOf([], { [variable]: text })).toThrow(
      new RegExp(`^${variable} must be [^\\n]+, not '${text}'$`),
    );
  });
});

describe('the command line', () => {
  test('serves unless told otherwise', () => {
    expect(read().order.command).toBe('serve');
    expect(read('serve').order.command).toBe('serve');
    expect(read('--plain', 'serve', '--port', '1').order).toEqual({
      command: 'serve',
      options: { plain: true, port: '1' },
    });
  });

  test('connects with an address and a name', () => {
    expect(read('connect', '--host', 'example.org', '--port', '1', '--name', 'alice').order).toEqual({
      command: 'connect',
      endpoint: undefined,
      options: { host: 'example.org', port: '1', name: 'alice' },
    });
  });

  test('has help that names every option, its default, and how to set it in the environment', () => {
    const { order, out, err } = read('--help');
    expect(order).toEqual({ command: 'exit', code: 0 });
    expect(err).toBe('');
    for (const key of keys()) expect(out).toContain(flagOf(key));
    expect(out).toContain('8080');
    expect(out).toContain('127.0.0.1');
    expect(out).toContain('A_CHAT_PORT');
    expect(out).toContain('connect');
  });

  test.each([[['--help']], [['connect', '--help']], [['config', '--help']]])(
    'has help for %j that fits in 80 columns',
    (args) => {
      const { out } = read(...args);
      expect(out.split('\n').filter((line) => line.length > 80)).toEqual([]);
    },
  );

  test('has help in groups, each option in one of them', () => {
    const { out } = read('--help');
    const headings = [...new Set(Object.values(groups))];
    for (const heading of headings)
      expect(out.split('\n').filter((line) => line === heading)).toHaveLength(1);
    for (const key of keys()) {
      const [chapter] = out.split(`\n  ${flagOf(key)} `).slice(0, -1);
      expect(chapter?.split('\n').findLast((line) => /^[A-Z]\w+:$/.test(line))).toBe(groups[key]);
    }
  });

  test('has help however it is asked for', () => {
    for (const [long, ...others] of [
      [['--help'], ['-h'], ['help'], ['help', 'serve'], ['serve', '--help'], ['serve', '-h']],
      [
        ['connect', '--help'],
        ['connect', '-h'],
        ['help', 'connect'],
      ],
      [
        ['config', '--help'],
        ['config', '-h'],
        ['help', 'config'],
      ],
      [
        ['passwd', '--help'],
        ['passwd', '-h'],
        ['help', 'passwd'],
      ],
    ] as const) {
      for (const args of others) expect(read(...args)).toEqual(read(...long));
      expect(read(...long)).toMatchObject({ order: { command: 'exit', code: 0 }, err: '' });
    }
  });

  test('has help for connect', () => {
    const { order, out } = read('connect', '--help');
    expect(order).toEqual({ command: 'exit', code: 0 });
    expect(out).toContain('--name');
    expect(out).not.toContain('--drain-timeout');
  });

  test('prints the version', () => {
    expect(read('--version')).toEqual({ order: { command: 'exit', code: 0 }, out: '1.2.3\n', err: '' });
  });

  test.each([
    [['--no-such-option'], '--no-such-option'],
    [['--prot', '1'], '--prot'],
    [['--port'], '--port'],
    [['-p', '1'], '-p'],
    [['nonsense'], 'nonsense'],
    [['serve', 'nonsense'], ''],
    [['connect', 'tcp://127.0.0.1:1', 'nonsense'], ''],
    [['connect', '--plain'], '--plain'],
    [['help', 'nonsense'], 'nonsense'],
    [['--no-port'], '--no-port'],
    [['--plain=yes'], '--plain'],
  ])('refuses %j in one line with exit code 2', (args, named) => {
    const { order, out, err } = read(...args);
    expect(order).toEqual({ command: 'exit', code: 2 });
    expect(out).toBe('');
    expect(err).toMatch(ONE_LINE);
    expect(err).toContain(named);
  });

  test('repeats no control characters on the terminal', () => {
    const { err } = read('--\x1b[2Jevil\nline');
    expect(err).toMatch(ONE_LINE);
    expect(err).not.toContain('\x1b');
    expect(complaint('two\nlines \x07')).toBe('a-chat: two lines \u2407\n');
  });

  test('tells what the operator did wrong from what the system refused, and from a bug', () => {
    expect(explain(new OptionError('--port must be'))).toEqual({ lines: ['--port must be'], code: 2 });
    const refused = Object.assign(new Error('listen EADDRINUSE'), { syscall: 'listen' });
    expect(explain(refused)).toEqual({ lines: ['listen EADDRINUSE'], code: 1 });
    expect(explain(new TypeError('a bug'))).toBeUndefined();
    expect(explain('not even an error')).toBeUndefined();
  });
});

describe('the program', () => {
  async function run(
    args: readonly string[],
    env: Record<string, string> = {},
  ): Promise<{ code: unknown; out: string; err: string }> {
    const program = new Program(args, env);
    const code = await program.exit();
    return { code, out: program.stdout, err: program.stderr };
  }

  test('prints its version, that of the package', async () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
    expect(await run(['--version'])).toEqual({ code: 0, out: `${version}\n`, err: '' });
  });

  test('may be read in part', () => {
    const command = `"$0" "$1" --help | true`;
    const { stderr } = spawnSync('sh', ['-c', command, process.execPath, MAIN], { encoding: 'utf8' });
    expect(stderr).toBe('');
  });

  test('prints help on stdout', async () => {
    const { code, out, err } = await run(['--help']);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toMatch(/^Usage: a-chat /);
  });

  test.each([
    [['--port', 'http'], {}, "--port must be a whole number from 0 to 65535, not 'http'"],
    [['--drain-timeout', '-3'], {}, '--drain-timeout'],
    [['--max-line', '0'], {}, '--max-line'],
    [['--log-level', 'loud'], {}, '--log-level'],
    [['--host', ''], {}, '--host'],
    [[], { A_CHAT_PLAIN: 'maybe' }, 'A_CHAT_PLAIN'],
    [[], { A_CHAT_MAX_PENDING: '16M' }, 'A_CHAT_MAX_PENDING'],
    [[], { A_CHAT_DRAIN_TIMOUT: '20' }, 'A_CHAT_DRAIN_TIMOUT'],
    [['config'], { A_CHAT_DRAIN_TIMOUT: '20' }, 'A_CHAT_DRAIN_TIMOUT'],
    [['connect'], { A_CHAT_DRAIN_TIMOUT: '20' }, 'A_CHAT_DRAIN_TIMOUT'],
    [['--no-such-option'], {}, '--no-such-option'],
    [['nonsense'], {}, 'nonsense'],
  ])('refuses %j with %j in one line on stderr, with exit code 2', async (args, env, named) => {
    const { code, out, err } = await run(args, env);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(ONE_LINE);
    expect(err).toContain(named);
  });

  test('says in one line that the port is taken, and exits with 1', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const address = taken.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    const { code, out, err } = await run(['--port', String(port)]);
    taken.close();
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toMatch(ONE_LINE);
    expect(err).toContain('EADDRINUSE');
    expect(err).toContain(String(port));
  });

  test('says in one line that the address is not its own, and exits with 1', async () => {
    const { code, out, err } = await run(['--host', '203.0.113.1', '--port', '0']);
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toMatch(ONE_LINE);
    expect(err).toContain('203.0.113.1');
  });

  test('takes its settings from the environment, and says where it listens', async () => {
    const program = new Program([], { A_CHAT_PORT: '0', A_CHAT_PLAIN: 'true', A_CHAT_DRAIN_TIMEOUT: '' });
    const { address, port } = await program.logged('listening');
    expect(address).toBe('127.0.0.1');
    const peer = new Peer(Number(port));
    peer.send('alice\nalice: hello\n');
    await peer.heard('hello\n');
    program.signal('SIGINT');
    expect(await peer.whole()).toBe('from alice: hello\n');
    peer.socket.destroy();
    expect(await program.exit()).toBe(0);
    expect(await program.logged('draining')).toMatchObject({ deadline: 8 });
  });

  test('starts beside a service of Kubernetes that is called like it, and says so', async () => {
    const program = new Program(['--max-line', '100', '--listen', 'tcp://127.0.0.1:0'], {
      A_CHAT_PORT: 'tcp://10.96.0.10:8080',
    });
    await program.logged('listening');
    expect(await program.logged('setting-ignored')).toMatchObject({ level: 40 });
    const checked = await run(['config', '--print'], { A_CHAT_PORT: 'tcp://10.96.0.10:8080' });
    expect(checked.code).toBe(0);
    expect(checked.out).toMatch(/^port: 8080 +# default$/m);
    expect(checked.err).toMatch(ONE_LINE);
  });

  test('prefers an option to the environment', async () => {
    const program = new Program(['serve', '--port', '0'], { A_CHAT_PORT: 'nonsense' });
    expect((await program.logged('listening')).port).toBeGreaterThan(0);
  });

  test('writes no more than the log level asks for', async () => {
    const program = new Program(['--log-level', 'silent', '--port', '0', '--host', '203.0.113.1']);
    expect(await program.exit()).toBe(1);
    expect(program.stdout).toBe('');
    expect(program.stderr).toMatch(ONE_LINE);
  });
});

describe('the log', () => {
  test('has one line for each event, with its facts as fields', () => {
    const lines = logged(EVENTS);
    expect(lines.map(({ event }) => event)).toEqual(EVENTS.map(({ type }) => type));
    const info = 30;
    const warn = 40;
    const error = 50;
    expect(lines).toEqual([
      {
        level: info,
        event: 'listening',
        endpoint: 'tcp://127.0.0.1:8080',
        address: '127.0.0.1',
        port: 8080,
        maxConnections: 10_000,
        msg: 'listening on tcp://127.0.0.1:8080, room for 10000 connections',
      },
      {
        level: info,
        event: 'listening',
        endpoint: 'unix:/run/a-chat.sock',
        address: '/run/a-chat.sock',
        maxConnections: 960,
        msg: 'listening on unix:/run/a-chat.sock, room for 960 connections',
      },
      {
        level: error,
        event: 'failing',
        message: 'accept EMFILE',
        msg: 'cannot accept connections: accept EMFILE',
      },
      { level: info, event: 'reloaded', what: 'accounts', msg: 'read the accounts again' },
      {
        level: error,
        event: 'reload-failed',
        what: 'accounts',
        message: 'accounts, line 3: the same name again',
        msg: 'kept the accounts as they were: accounts, line 3: the same name again',
      },
      {
        level: info,
        event: 'admin',
        address: '::1',
        port: 9090,
        msg: 'admin endpoint on http://[::1]:9090',
      },
      {
        level: warn,
        event: 'admin-failing',
        message: 'accept EMFILE',
        msg: 'the admin endpoint fails: accept EMFILE',
      },
      {
        level: info,
        event: 'reloaded',
        what: 'certificates',
        msg: 'read the certificates again',
      },
      {
        level: error,
        event: 'reload-failed',
        what: 'certificates',
        message: 'key.pem: key values mismatch',
        msg: 'kept the certificates as they were: key.pem: key values mismatch',
      },
      {
        level: info,
        event: 'refused',
        code: 'tls-failed',
        remote: '10.0.0.1:4',
        detail: 'http request',
        msg: 'refused 10.0.0.1:4: tls-failed http request',
      },
      {
        level: info,
        event: 'joined',
        name: 'alice',
        remote: '10.0.0.1:5',
        msg: 'alice joined from 10.0.0.1:5',
      },
      {
        level: info,
        event: 'refused',
        code: 'name-taken',
        name: 'alice',
        remote: '10.0.0.1:6',
        msg: 'refused 10.0.0.1:6: name-taken alice',
      },
      {
        level: info,
        event: 'refused',
        code: 'server-full',
        remote: '10.0.0.1:7',
        msg: 'refused 10.0.0.1:7: server-full',
      },
      {
        level: info,
        event: 'left',
        name: 'alice',
        remote: '10.0.0.1:5',
        reason: 'quit',
        accepted: 3,
        delivered: 2,
        abandoned: 0,
        msg: 'alice left from 10.0.0.1:5 (quit): accepted 3, delivered 2, abandoned 0',
      },
      expect.objectContaining({
        level: info,
        event: 'left',
        msg: expect.stringContaining('10.0.0.1:8') as string,
      }),
      expect.objectContaining({
        level: warn,
        event: 'left',
        name: 'bob',
        abandoned: 7,
        reason: 'slow-consumer',
      }),
      {
        level: info,
        event: 'draining',
        sessions: 2,
        deadline: 8,
        msg: 'draining 2 sessions, deadline in 8 s',
      },
      {
        level: info,
        event: 'drained',
        sessions: 2,
        delivered: 4,
        abandoned: 0,
        losses: [],
        seconds: 1.25,
        msg: 'drained 2 sessions in 1.25 s: delivered 4 since the signal, abandoned 0',
      },
      {
        level: error,
        event: 'drained',
        sessions: 2,
        delivered: 4,
        abandoned: 7,
        losses: [{ name: 'bob', remote: '10.0.0.1:9', reason: 'deadline', abandoned: 7 }],
        seconds: 8.001,
        msg: 'drained 2 sessions in 8.001 s: delivered 4 since the signal, abandoned 7',
      },
    ]);
  });

  test.each([
    ['auto', false],
    ['auto', true],
    ['pretty', false],
    ['json', true],
  ] as const)('as %s is silent when told to be, terminal or not (%s)', async (format, terminal) => {
    const write = jest.fn();
    const log = await createLog('silent', format, { terminal, colours: terminal }, { write });
    for (const event of EVENTS) logEvent(log, event);
    expect(log.isLevelEnabled('fatal')).toBe(false);
    expect(write).not.toHaveBeenCalled();
  });

  test.each([
    ['auto', false, false],
    ['auto', true, true],
    ['pretty', true, true],
    ['json', false, false],
  ] as const)(
    'as %s is for people where it is to be, a terminal or not (%s)',
    async (format, terminal, people) => {
      for (const colours of [false, true]) {
        const lines: string[] = [];
        const out = { write: (line: string) => lines.push(line) };
        const log = await createLog('info', format, { terminal, colours }, out);
        for (const event of EVENTS) logEvent(log, event);
        expect(lines).toHaveLength(EVENTS.length);
        for (const line of lines) {
          expect(line.startsWith('{"level"')).toBe(!people);
          expect(line.includes('\x1b[')).toBe(people && colours);
          expect(line.endsWith('\n')).toBe(true);
        }
      }
    },
  );

  test('of the program is one JSON line an event, with the time', async () => {
    const server = await Program.serve('--linger-timeout', '0');
    const peer = new Peer(server.port);
    peer.send('al:ice\n\x1b[2J\nalice\n/quit\n');
    await peer.whole();
    peer.end();
    await server.logged('left');
    server.signal('SIGINT');
    await server.exit();
    peer.socket.destroy();

    expect(server.log.map(({ event }) => event)).toEqual([
      'listening',
      'refused',
      'refused',
      'joined',
      'left',
      'draining',
      'drained',
    ]);
    for (const { time } of server.log) expect(time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(server.log.filter(({ event }) => event === 'refused').map(({ name }) => name)).toEqual([
      undefined,
      undefined,
    ]);
  });

  test('on a terminal is for people, and Ctrl-C there begins the shutdown', async () => {
    const child = spawn(
      'socat',
      ['STDIO', `EXEC:"${process.execPath} ${MAIN} --port 0",pty,setsid,ctty,echo=0`],
      { stdio: ['pipe', 'pipe', 'inherit'] },
    );
    children.push(child);
    let missing: Error | undefined;
    child.on('error', (failure) => (missing = failure));
    let shown = '';
    child.stdout.on('data', (chunk: Buffer) => (shown += chunk.toString()));
    const shows = async (text: string) => {
      await until(
        () => shown.includes(text) || missing !== undefined,
        () => `${text} in ${shown}`,
      );
      if (missing !== undefined) throw new Error(`this test needs socat: ${missing.message}`);
    };

    await shows('listening on tcp://127.0.0.1:');
    child.stdin.write('\x03');
    await shows('drained 0 sessions');
    await until(() => child.exitCode !== null, 'the program to end');

    expect(shown).toMatch(/\x1b\[\d+m/);
    expect(shown).not.toContain('{"level"');
    const lines = shown.replaceAll(/\x1b\[\d+m/g, '').split(/\r?\n/);
    expect(lines.filter((line) => /^\[\d\d:\d\d:\d\d\.\d{3}\] INFO: \S/.test(line))).toHaveLength(3);
  });
});
