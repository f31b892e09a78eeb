import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import type { RefusalCode, ServerEvent } from '../../lib/model/server-events.ts';
import { eventLog } from '../../lib/operate/log.ts';
import { END_REASONS, REFUSAL_CODES } from '../../lib/operate/metrics.ts';
import type { EndReason } from '../../lib/protocol/wire.ts';
import { Admin } from '../support/admin.ts';
import { Peer } from '../support/peer.ts';
import { type LogLine, Program } from '../support/program.ts';
import { until } from '../support/until.ts';

const peers: Peer[] = [];

afterEach(async () => {
  for (const { socket } of peers.splice(0)) socket.destroy();
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

describe('events that peers can bring about', () => {
  beforeEach(() => jest.useFakeTimers());

  afterEach(() => jest.useRealTimers());

  /** The lines of `count` events of each kind, from each of the peers. */
  function lines(events: readonly ServerEvent[], count = 1): LogLine[] {
    const text: string[] = [];
    const write = eventLog(pino({ level: 'trace' }, { write: (line) => text.push(line) }));
    for (let round = 0; round < count; round += 1) for (const event of events) write(event);
    jest.advanceTimersByTime(1000);
    return text.map((line) => JSON.parse(line) as LogLine);
  }

  const left = (reason: EndReason, remote: string, abandoned = 0): ServerEvent => ({
    ...{ type: 'left', name: undefined, remote, reason, accepted: 2, delivered: 3, abandoned },
  });

  test.each(Object.keys(REFUSAL_CODES) as RefusalCode[])('are summed up when refused as %s', (code) => {
    const event: ServerEvent = { type: 'refused', code, name: undefined, remote: '10.0.0.1:5' };
    const told = lines([event], 1000);
    expect(told).toHaveLength(11);
    expect(told.at(-1)).toMatchObject({ event: 'refused', code, address: '10.0.0.1', count: 990 });
  });

  test.each(Object.keys(END_REASONS) as EndReason[])('are summed up when they end as %s', (reason) => {
    const told = lines([left(reason, '10.0.0.1:5')], 1000);
    // A shutdown ends each connection once, and each has its line.
    if (reason === 'shutdown' || reason === 'deadline') {
      expect(told).toHaveLength(1000);
      return;
    }
    expect(told).toHaveLength(11);
    const counts = { count: 990, accepted: 1980, delivered: 2970, abandoned: 0 };
    expect(told.at(-1)).toMatchObject({ event: 'left', reason, address: '10.0.0.1', ...counts });
  });

  test('are summed up when they join', () => {
    const told = lines([{ type: 'joined', name: 'alice', remote: '10.0.0.1:5' }], 1000);
    expect(told).toHaveLength(11);
    expect(told.at(-1)).toMatchObject({ event: 'joined', address: '10.0.0.1', count: 990 });
  });

  test('have their losses told, in lines of their own among others, and in the sum', () => {
    const told = lines([left('reset', '10.0.0.1:5'), left('reset', '10.0.0.1:6', 7)], 1000);
    expect(told).toHaveLength(22);
    const abandoned = told.reduce((sum, line) => sum + Number(line.abandoned), 0);
    expect(abandoned).toBe(7000);
    expect(told.at(-1)).toMatchObject({ level: 40, event: 'left', count: 990, abandoned: 6930 });
  });

  test.each([
    ['10.0.0.1:5', '10.0.0.1', '10.0.0.1:6'],
    ['[2001:db8::1]:5', '2001:db8:0:0::/64', '[2001:db8:0:0:ffff::2]:6'],
    ['[::ffff:10.0.0.1]:5', '10.0.0.1', '10.0.0.1:6'],
    ['unix:/run/a-chat.sock', 'unix:/run/a-chat.sock', 'unix:/run/a-chat.sock'],
  ])('of %s count for %s', (remote, address, neighbour) => {
    const told = lines([left('quit', remote), left('quit', neighbour), left('quit', '10.9.9.9:7')], 10);
    expect(told).toHaveLength(21);
    expect(told.at(-1)).toMatchObject({ address, count: 10 });
  });

  test('are few lines, from however many addresses they come', () => {
    const remotes = Array.from({ length: 5000 }, (_, n) => `10.0.${n >> 8}.${n & 255}:5`);
    const told = lines(remotes.map((remote) => left('eof', remote)));
    expect(told).toHaveLength(101);
    expect(told.at(-1)).toMatchObject({ event: 'left', count: 4900 });
    expect(told.at(-1)).not.toHaveProperty('address');
  });

  test('are told before the end', () => {
    const report = { sessions: 0, delivered: 0, abandoned: 0, losses: [], milliseconds: 1 };
    const joined: ServerEvent = { type: 'joined', name: 'alice', remote: '10.0.0.1:5' };
    const told = lines([...Array.from({ length: 20 }, () => joined), { type: 'drained', report }]);
    expect(told.slice(-2)).toMatchObject([{ event: 'joined', count: 10 }, { event: 'drained' }]);
  });
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
  bob.send('/quit\n');
  await bob.whole();

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
});
