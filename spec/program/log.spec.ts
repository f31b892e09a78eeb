import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Admin } from '../support/admin.ts';
import { Peer } from '../support/peer.ts';
import { type LogLine, MAIN, Program } from '../support/program.ts';
import { until } from '../support/until.ts';

const peers: Peer[] = [];
const children: ChildProcess[] = [];

afterEach(async () => {
  for (const { socket } of peers.splice(0)) socket.destroy();
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGKILL');
    await until(() => child.signalCode !== null, 'the child to end');
  }
  await Program.stopAll();
});

function connect(port: number): Peer {
  const peer = new Peer(port);
  peers.push(peer);
  return peer;
}

async function login(port: number | string, name: string): Promise<Peer> {
  const peer = await Peer.login(port, name);
  peers.push(peer);
  return peer;
}

test('a flood of connections for which there is no room is summed up, and counted one by one', async () => {
  const server = new Program(['--port', '0', '--max-connections', '1', '--admin', '0']);
  const { port } = await server.logged('listening');
  const admin = new Admin((await server.logged('admin')).port);
  await login(Number(port), 'alice');
  const count = 1000;
  const began = performance.now();
  const flood = Array.from({ length: count }, () => connect(Number(port)));
  await until(() => flood.every(({ ended, closed }) => ended || closed), 'the end of the flood');
  for (const { socket } of flood) socket.destroy();
  const told = (kind: string) =>
    server.log.filter(({ event, code, reason }) => event === kind && (code ?? reason) === 'server-full');
  const sum = (kind: string) => told(kind).reduce((total, line) => total + Number(line.count ?? 1), 0);
  await until(() => sum('refused') === count, 'the sum of the refused');
  // Ten a second in full, and their sum.
  const seconds = (performance.now() - began) / 1000;
  expect(told('refused').length).toBeLessThanOrEqual(11 * (1 + Math.ceil(seconds)));
  expect((await admin.samples()).get('a_chat_refusals_total{code="server-full"}')).toBe(count);
  server.signal('SIGTERM');
  await server.logged('drained');
  const ended = sum('left');
  // Those that were told why are sessions, which have a line for their end.
  expect(ended).toBeGreaterThan(0);
  expect(ended).toBeLessThanOrEqual(count);
});

test('a flood of wrong names is summed up', async () => {
  const server = await Program.serve();
  const tries = 99;
  const began = performance.now();
  const flood = Array.from({ length: 50 }, () => connect(server.port));
  for (const peer of flood) peer.send(',\n'.repeat(tries));
  const count = () =>
    server.log
      .filter(({ event, code }) => event === 'refused' && code === 'name-invalid')
      .map((line) => Number(line.count ?? 1));
  const total = () => count().reduce((sum, one) => sum + one, 0);
  await until(() => total() >= flood.length * tries, 'the sum of the refused');
  expect(total()).toBe(flood.length * tries);
  const seconds = (performance.now() - began) / 1000;
  expect(count().length).toBeLessThanOrEqual(11 * (1 + Math.ceil(seconds)));
});

const SECRET = 'hunter2';

/**
 * A server to which all happened that is logged; ended. Everything that its peers said has the secret in it.
 */
async function busyDay(...args: string[]): Promise<Program> {
  const started = () => /listening on tcp:\S+:(\d+)/.exec(server.stdout)?.[1];
  const limits = [
    '--write-timeout',
    '1',
    '--max-pending',
    '1000000',
    '--max-line',
    '2000',
    '--linger-timeout',
    '0.2',
  ];
  const server = new Program(['--port', '0', '--admin', '0', ...limits, ...args]);
  await until(() => started() !== undefined, 'the server to listen');
  const port = Number(started());
  const alice = await login(port, 'alice');
  const bob = await login(port, 'bob');
  const impostor = connect(port);
  impostor.send(`alice: ${SECRET}\n/${SECRET}\nalice\n`);
  await impostor.heard('! name-taken');
  const browser = connect(port);
  browser.send(`GET /${SECRET} HTTP/1.1\r\n`);
  await browser.whole();
  alice.send(
    `bob: ${SECRET}\nnobody: ${SECRET}\n${SECRET}\n/${SECRET}\n/ping ${SECRET}\nbob: ${SECRET.repeat(999)}\n`,
  );
  await alice.settled();
  await bob.quit();

  const deaf = await login(port, 'deaf');
  deaf.socket.pause();
  alice.send(`deaf: ${SECRET.padEnd(1000, '.')}\n`.repeat(30_000));
  await until(() => server.stdout.includes('slow-consumer'), 'the slow consumer to be cut off');
  await alice.settled();
  server.signal('SIGTERM');
  await alice.whole();
  await server.exit();
  return server;
}

/** The fields of each event, by the table of docs/operating.md. */
function documented(): Map<string, string[]> {
  const chapter = /## Logs\n[^]*?\n##/.exec(readFileSync('docs/operating.md', 'utf8'))?.[0] ?? '';
  const code = (cell: string) => Array.from(cell.matchAll(/`([^`]+)`/g), ([, word = '']) => word);
  const rows = Array.from(chapter.matchAll(/^\| (`[^|]+) \| (`[^|]+|) *\|/gm));
  return new Map(rows.map(([, event = '', fields = '']) => [code(event)[0] ?? '', code(fields)]));
}

function of(server: Program, event: string): LogLine[] {
  return server.log.filter((line) => line.event === event);
}

describe('the log', () => {
  test('has the fields that are documented, and the names of nothing else', async () => {
    const server = await busyDay();
    const known = documented();
    expect(new Set(known.keys())).toEqual(
      new Set([
        ...server.log.map(({ event }) => event),
        ...[
          'failing',
          'admin-failing',
          'reloaded',
          'reload-failed',
          'unsupervised',
          'lines-missing',
          'setting-ignored',
          'bug',
          'doubtful',
        ],
      ]),
    );
    for (const { level, time, event, msg, ...fields } of server.log) {
      expect([typeof level, typeof time, typeof msg]).toEqual(['number', 'string', 'string']);
      const names = known.get(String(event)) ?? [];
      // A connection that never logged in has no name, a Unix socket no port, what is not about TLS no
      // detail, and what is no sum no count.
      const always = (name: string) =>
        !['name', 'port', 'detail', 'address', 'addresses', 'count'].includes(name);
      expect([event, Object.keys(fields).filter(always)]).toEqual([event, names.filter(always)]);
      for (const name of Object.keys(fields))
        expect([event, names]).toEqual([event, expect.arrayContaining([name])]);
    }

    expect(of(server, 'refused').map(({ code, name }) => [code, name])).toEqual([
      ['name-invalid', undefined],
      ['name-invalid', undefined],
      ['name-taken', 'alice'],
      ['not-chat', undefined],
    ]);
    const [slow] = of(server, 'left').filter(({ reason }) => reason === 'slow-consumer');
    expect(slow).toMatchObject({ level: 40, name: 'deaf' });
    const [bob] = of(server, 'left').filter(({ name }) => name === 'bob');
    expect(bob).toMatchObject({ level: 30, reason: 'quit', accepted: 0, delivered: 1, abandoned: 0 });
    expect(of(server, 'drained')).toMatchObject([{ sessions: 2, abandoned: 0, losses: [] }]);
    expect(server.result).toBe(0);
  });

  test.each(['json', 'pretty'])('as %s never has a word of a message, at any level', async (format) => {
    const server = await busyDay('--log-level', 'trace', '--log-format', format);
    expect(server.stdout).toContain('drained');
    expect(server.stdout + server.stderr).not.toContain(SECRET);
  });

  test('is JSON in a pipe, and for people where it is to be, without colours', async () => {
    const program = new Program(['--port', '0', '--log-format', 'pretty']);
    await until(() => program.stdout.includes('listening on '), 'the program to listen');
    program.signal('SIGTERM');
    await program.exit();
    const lines = program.stdout.trimEnd().split('\n');
    expect(lines).toHaveLength(3);
    for (const line of lines) expect(line).toMatch(/^\[\d\d:\d\d:\d\d\.\d{3}\] INFO: [a-z]/);

    const json = await Program.serve('--log-format', 'json');
    expect(json.log).toMatchObject([{ event: 'listening' }]);
  });

  test('has what is at least as grave as its level', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'a-chat-'));
    const path = join(folder, 'chat.sock');
    const server = new Program(['--listen', `unix:${path}`, '--log-level', 'warn', '--linger-timeout', '0']);
    await until(() => existsSync(path), 'the server to listen');
    const alice = await login(path, 'alice');
    server.signal('SIGTERM');
    await alice.whole();
    expect(await server.exit()).toBe(0);
    expect(server.stdout + server.stderr).toBe('');
    rmSync(folder, { recursive: true });
  });

  test('is one JSON line an event, with the time', async () => {
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
