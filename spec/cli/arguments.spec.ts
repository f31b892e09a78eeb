import { type Order, readCommandLine } from '../../lib/cli/arguments.ts';
import { counterflagOf, flagOf } from '../../lib/settings/option-names.ts';
import { keys, settings } from '../../lib/settings/table.ts';

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

/** The options of a command line that is one. */
function optionsOf(...args: string[]) {
  const { order } = read(...args);
  if (order.command === 'exit') throw new Error(`no options in ${args.join(' ')}`);
  return order.options;
}

const ONE_LINE = /^a-chat: [^\n]+\n$/;

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

test('takes a value for each setting that has one, and several endpoints', () => {
  for (const key of keys().filter((one) => settings[one].placeholder !== '')) {
    const value = key === 'listen' ? ['1'] : '1';
    expect(optionsOf(flagOf(key), '1')).toEqual({ [key]: value });
    expect(optionsOf(`${flagOf(key)}=1`)).toEqual({ [key]: value });
    expect(optionsOf('config', `${flagOf(key)}=`)).toEqual({ [key]: key === 'listen' ? [''] : '' });
  }
  expect(optionsOf('--listen', 'a', '--listen=b').listen).toEqual(['a', 'b']);
});

test('switches on and off; what is written last holds', () => {
  for (const key of keys().filter((one) => settings[one].placeholder === '')) {
    const [on, off] = [flagOf(key), counterflagOf(key)];
    expect(optionsOf(on)).toEqual({ [key]: true });
    expect(optionsOf(off)).toEqual({ [key]: false });
    expect(optionsOf(on, off)).toEqual({ [key]: false });
    expect(optionsOf(off, on)).toEqual({ [key]: true });
    expect(optionsOf('serve', off)).toEqual({ [key]: false });
    expect(optionsOf('config', off)).toEqual({ [key]: false });
    expect(optionsOf(on, 'config', off)).toEqual({ [key]: false });
  }
  expect(optionsOf('--host', 'a', 'connect', '--host', 'b')).toEqual({ host: 'b' });
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
  const headings = new Set(keys().map((key) => settings[key].group));
  for (const heading of headings) expect(out.split('\n').filter((line) => line === heading)).toHaveLength(1);
  for (const key of keys()) {
    const [chapter] = out.split(`\n  ${flagOf(key)} `).slice(0, -1);
    expect(chapter?.split('\n').findLast((line) => /^[A-Z]\w+:$/.test(line))).toBe(settings[key].group);
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
});
