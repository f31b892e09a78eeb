import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { Peer } from '../support/peer.ts';
import { MAIN, Program } from '../support/program.ts';

const ONE_LINE = /^a-chat: [^\n]+\n$/;

afterEach(() => Program.stopAll());

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
