import { type Order, readCommandLine } from '../../lib/cli/arguments.ts';
import { complaint, explain } from '../../lib/cli/failures.ts';
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
