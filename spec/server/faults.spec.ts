import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import {
  closeSync,
  constants,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Admin } from '../support/admin.ts';
import { Peer } from '../support/peer.ts';
import { Program } from '../support/program.ts';
import { until } from '../support/until.ts';

/** More than the kernel holds for a peer that does not read: some of it waits in the server. */
const FLOOD = { count: 4000, payload: 'x'.repeat(4000) };

/** Connections that may be open at a time beyond the room there is, until they were told so. */
const REFUSALS = 64;

const FATAL = 60;

const peers: Peer[] = [];
const helpers: ChildProcess[] = [];

function connect(port: number | string): Peer {
  const peer = new Peer(port);
  peers.push(peer);
  return peer;
}

async function login(port: number | string, name: string): Promise<Peer> {
  const peer = connect(port);
  peer.send(`${name}\n`);
  await peer.heard(`* welcome ${name}\n`);
  return peer;
}

afterEach(async () => {
  for (const peer of peers.splice(0)) peer.socket.destroy();
  await Program.stopAll();
  for (const helper of helpers.splice(0)) {
    helper.kill('SIGKILL');
    await until(() => helper.exitCode !== null || helper.signalCode !== null, 'the helper to end');
  }
});

/** Ends one of the program's streams under it, as a pipe does whose reader dies. */
async function close(stream: 'stdout' | 'stderr', { child }: Program): Promise<void> {
  let closed = false;
  child[stream]?.once('close', () => (closed = true)).destroy();
  await until(() => closed, `${stream} to close`);
}

/** Several sessions come, talk and leave, each of which is worth lines in the log. */
async function chatGoesOn(port: number | string, witness: Peer): Promise<void> {
  for (const name of ['bob', 'carol', 'dave']) {
    const peer = await login(port, name);
    peer.send('alice: hello\n/quit\n');
    await witness.heard(`from ${name}: hello\n`);
    expect(await peer.whole()).toMatch(/\* closing quit: accepted 1, delivered 0\n$/);
    peer.end();
    await until(() => peer.closed, 'the connection to close');
  }
}

/** Sends the signal and reads the closing line, which tells that the drain went as ever. */
async function drain(program: Program, witness: Peer): Promise<void> {
  program.signal('SIGINT');
  expect(await witness.whole()).toMatch(/\n\* closing shutdown: accepted 0, delivered \d+\n$/);
  witness.end();
}

/** Logs in as soon as there is a server. */
async function loginSoon(path: string, name: string): Promise<Peer> {
  await until(() => existsSync(path), 'the server to listen');
  return login(path, name);
}

/** The port that the first lines in a pipe tell of; the rest is not read. */
async function portFrom(reader: number): Promise<number> {
  const chunk = Buffer.alloc(2 ** 16);
  let text = '';
  const port = () => {
    try {
      text += chunk.toString('utf8', 0, readSync(reader, chunk));
    } catch {
      // Nothing is there yet.
    }
    return Number(/listening on tcp:\S+:(\d+)/.exec(text)?.[1]);
  };
  let found = NaN;
  await until(() => (found = port()) > 0, 'the server to listen');
  return found;
}

/** Leaves no room in a pipe. */
function fill(path: string): void {
  const writer = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
  try {
    // A page at a time, and then until not even a byte fits.
    for (const width of [4096, 1]) {
      try {
        for (;;) writeSync(writer, Buffer.alloc(width, '\n'));
      } catch (failure) {
        expect(failure).toMatchObject({ code: 'EAGAIN' });
      }
    }
  } finally {
    closeSync(writer);
  }
}

describe('a server whose log has nowhere to go', () => {
  let folder = '';

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'a-chat-'));
  });

  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  test.each([
    ['stdout', ['stdout'], /^a-chat: the log cannot be written: [^\n]*EPIPE[^\n]*\n$/],
    ['stdout and stderr', ['stdout', 'stderr'], /^$/],
  ] as const)('since %s closed goes on, and drains with exit code 0', async (_what, streams, said) => {
    const server = await Program.serve();
    const alice = await login(server.port, 'alice');
    await server.logged('joined');
    for (const stream of streams) await close(stream, server);
    await chatGoesOn(server.port, alice);
    await drain(server, alice);
    expect(await server.exit()).toBe(0);
    expect(server.stderr).toMatch(said);
  });

  test.each(['json', 'pretty'])(
    'since the disk is full goes on, tells so, and loses nothing (%s)',
    async (format) => {
      const file = join(folder, 'log');
      const options = ['--port', '0', '--admin', '0', '--log-format', format, '--linger-timeout', '0'];
      // Of a file that may grow no more.
      const program = new Program(options, { FILE: file }, [
        ...['bash', '-c'],
        'ulimit -S -f 1; exec "$0" "$@" >"$FILE"',
      ]);
      const text = () => (existsSync(file) ? readFileSync(file, 'utf8') : '');
      const found = (pattern: RegExp) => Number(pattern.exec(text())?.[1]);
      const port = () => found(/listening on tcp:\S+:(\d+)/);
      await until(() => port() > 0, 'the server to listen');
      const admin = new Admin(found(/admin endpoint on http:\S+:(\d+)/));
      const alice = await login(port(), 'alice');
      for (let round = 0; round < 3; round += 1) await chatGoesOn(port(), alice);
      await until(() => program.stderr !== '', 'a word of it');
      expect(program.stderr).toMatch(/^a-chat: the log cannot be written: [^\n]*EFBIG[^\n]*\n$/);
      expect((await admin.samples()).get('a_chat_log_failures_total')).toBeGreaterThan(0);
      expect(text().split('dave left').length).toBeLessThan(4);

      execFileSync('prlimit', ['--pid', String(program.child.pid), '--fsize=unlimited:']);
      await until(() => text().split('dave left').length === 4, 'the rest of the log');
      expect((await admin.samples()).get('a_chat_log_lines_dropped_total')).toBe(0);
      await drain(program, alice);
      expect(await program.exit()).toBe(0);
      expect(text()).toContain('drained 1 session');
      expect(program.stderr.split('\n')).toHaveLength(2);
    },
  );

  test.each(['json', 'pretty'])('and never had goes on, and says so in the end (%s)', async (format) => {
    const socket = join(folder, 'chat.sock');
    for (const [streams, said] of [
      ['>/dev/full', /^a-chat: [^\n]*ENOSPC[^\n]*\na-chat: \d+ lines of the log could not be written\n$/],
      ['>/dev/full 2>/dev/full', /^$/],
    ] as const) {
      const options = ['--listen', `unix:${socket}`, '--log-format', format];
      const program = new Program(options, {}, ['bash', '-c', `exec "$0" "$@" ${streams}`]);
      const alice = await loginSoon(socket, 'alice');
      await chatGoesOn(socket, alice);
      await drain(program, alice);
      expect(await program.exit()).toBe(1);
      expect(program.stderr).toMatch(said);
    }
  });

  test.each([
    ['json', '>"$PIPE"'],
    ['pretty', '>"$PIPE"'],
    // Then nobody reads errors either.
    ['json', '>"$PIPE" 2>&1'],
  ])('as nobody reads it, goes on, and ends in time (%s, %s)', async (format, streams) => {
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    const reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
    const program = new Program(
      ['--port', '0', '--log-format', format, '--linger-timeout', '0.1'],
      { PIPE: pipe },
      ['bash', '-c', `exec "$0" "$@" ${streams}`],
    );
    const port = await portFrom(reader);
    fill(pipe);
    const alice = await login(port, 'alice');
    await chatGoesOn(port, alice);
    await drain(program, alice);
    const began = performance.now();
    expect(await program.exit()).toBe(1);
    expect(performance.now() - began).toBeLessThan(10_000);
    const said =
      /^(a-chat: the log cannot be written: [^\n]+\n)?a-chat: \d+ lines of the log could not be written\n$/;
    expect(program.stderr).toMatch(streams.includes('2>') ? /^$/ : said);
    closeSync(reader);
  });

  test('since its terminal was closed goes on, and delivers all in its drain', async () => {
    const terminal = spawn('socat', ['-d', '-d', '-u', 'PTY,raw,echo=0', 'STDOUT']);
    helpers.push(terminal);
    let [said, shown] = ['', ''];
    let missing: Error | undefined;
    terminal.on('error', (failure) => (missing = failure));
    terminal.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
    terminal.stdout.on('data', (chunk: Buffer) => (shown += chunk.toString()));
    const device = () => /PTY is (\S+)/.exec(said)?.[1] ?? '';
    await until(
      () => device() !== '' || missing !== undefined,
      () => `a terminal; socat said ${said}`,
    );
    if (missing !== undefined) throw new Error(`this test needs socat: ${missing.message}`);

    // Not its controlling terminal, so that no SIGHUP comes: the server is to notice by what it writes.
    const program = new Program(['--port', '0'], { TERMINAL: device() }, [
      'bash',
      '-c',
      'exec "$0" "$@" >"$TERMINAL"',
    ]);
    const port = () => Number(/listening on tcp:\/\/[\d.]+:(\d+)/.exec(shown)?.[1]);
    await until(
      () => port() > 0,
      () => `a server on the terminal; it showed ${shown}`,
    );
    expect(shown).toMatch(/\x1b\[\d+m/);
    expect(shown).not.toContain('{"level"');
    const alice = await login(port(), 'alice');
    await until(() => shown.includes('alice joined'), 'the log on the terminal');

    terminal.kill();
    await until(() => terminal.signalCode !== null || terminal.exitCode !== null, 'the terminal to close');
    await chatGoesOn(port(), alice);
    await drain(program, alice);
    expect(alice.lines.at(-1)).toBe('* closing shutdown: accepted 0, delivered 3');
    expect(await program.exit()).toBe(0);
  });
});

describe('an unexpected failure', () => {
  /** A module, run before the program, that breaks as soon as a server listens. */
  function sabotage(failure: string): Record<string, string> {
    const code = `
      import { Server } from 'node:net';
      const { listen } = Server.prototype;
      Server.prototype.listen = function (...args) {
        this.once('listening', () => setImmediate(() => { ${failure} }));
        return listen.apply(this, args);
      };`;
    return { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(code)}` };
  }

  test.each([
    ['an exception', 'throw new TypeError("first line\\nsecond line");', 'first line\nsecond line'],
    ['a rejected promise', 'Promise.reject(new RangeError("nobody caught it"));', 'nobody caught it'],
  ])('that is %s is logged on one line as fatal, and ends the process', async (_what, failure, message) => {
    const program = new Program(['--port', '0'], sabotage(failure));
    expect(await program.exit()).toBe(1);
    // Reading the log fails where a line is not one JSON object.
    expect(program.log).toEqual([
      expect.objectContaining({ event: 'listening' }),
      expect.objectContaining({
        level: FATAL,
        msg: 'unexpected failure',
        err: expect.objectContaining({
          message,
          stack: expect.stringContaining(' at ') as string,
        }) as object,
      }),
      expect.objectContaining({ event: 'draining' }),
      expect.objectContaining({ event: 'drained', abandoned: 0 }),
    ]);
    expect(program.stderr).toBe('');
  });

  test.each(['throw null;', 'throw "words";', 'Promise.reject();'])(
    'that has no error to show for it ends the process too: %s',
    async (failure) => {
      const program = new Program(['--port', '0'], sabotage(failure));
      expect(await program.exit()).toBe(1);
      expect(program.log.map(({ level }) => level)).toEqual([30, FATAL, 30, 30]);
    },
  );

  test('delivers what was accepted before that', async () => {
    const program = new Program(['--port', '0', '--linger-timeout', '0.1'], {
      ...sabotage('process.once("SIGUSR2", () => { throw new Error("unheard"); });'),
    });
    const { port } = await program.logged('listening');
    const alice = await login(Number(port), 'alice');
    const slow = await login(Number(port), 'slow');
    slow.socket.pause();
    alice.send(flood('slow', 'alice'));
    await alice.heard('from alice: 50\n');
    program.signal('SIGUSR2');
    await until(() => program.log.some(({ event }) => event === 'draining'), 'the drain');
    slow.socket.resume();
    const [, accepted] = /\* closing shutdown: accepted (\d+), /.exec(await alice.whole()) ?? [];
    const witnessed = alice.lines.filter((line) => line.startsWith('from alice: ')).length;
    await slow.whole();
    expect(slow.lines.filter((line) => line.startsWith('from alice: '))).toHaveLength(
      Number(accepted) - witnessed,
    );
    expect(await program.exit()).toBe(1);
    expect(await program.logged('drained')).toMatchObject({ abandoned: 0 });
  });

  test('ends the process also where nobody can be told', async () => {
    const program = new Program(['--port', '0'], {
      ...sabotage('process.once("SIGUSR2", () => { throw new Error("unheard"); });'),
    });
    const { port } = await program.logged('listening');
    const alice = await login(Number(port), 'alice');
    await close('stdout', program);
    await close('stderr', program);
    program.signal('SIGUSR2');
    expect(await program.exit()).toBe(1);
    await until(() => alice.closed || alice.ended, 'the connection to close');
  });
});

/** Messages to `to`, with a line to `witness` now and then. */
function flood(to: string, witness: string): string {
  let input = '';
  for (let n = 1; n <= FLOOD.count; n += 1) {
    input += `${to}: ${n} ${FLOOD.payload}\n`;
    if (n % 50 === 0) input += `${witness}: ${n}\n`;
  }
  return input;
}

/** Resolves when a flood from `name` has begun, of which `witness` hears, and then its sender is held. */
async function held(name: string, witness: Peer): Promise<void> {
  const heard = () => witness.lines.filter((line) => line.startsWith(`from ${name}: `)).length;
  let before: number;
  await witness.heard(`from ${name}: 50\n`);
  do {
    before = heard();
    for (let round = 0; round < 5; round += 1) await witness.settled();
  } while (heard() > before);
  expect(before).toBeLessThan(FLOOD.count / 50);
}

/** Messages of a flood that its sender was told nobody is there for. */
const missed = (peer: Peer, name: string) =>
  peer.lines.filter((line) => line.startsWith(`! not-connected ${name}: `)).length;

describe('a connection that breaks', () => {
  test('ends its session alone; what was not sent is counted as abandoned in its line of the log', async () => {
    const server = await Program.serve('--write-timeout', '60');
    const witness = await login(server.port, 'witness');
    const bob = await login(server.port, 'bob');
    const alice = await login(server.port, 'alice');
    alice.socket.pause();
    bob.send(flood('alice', 'witness'));
    await held('bob', witness);
    alice.reset();
    await witness.heard(`from bob: ${FLOOD.count}\n`);
    await bob.settled();

    const left = await server.logged('left');
    const abandoned = Number(left.abandoned);
    expect(left).toMatchObject({ level: 40, name: 'alice', reason: 'reset', accepted: 0 });
    expect(abandoned).toBeGreaterThan(0);
    expect(Number(left.delivered) + abandoned + missed(bob, 'alice')).toBe(FLOOD.count);
    expect(left.msg).toContain(`abandoned ${abandoned}`);

    server.signal('SIGINT');
    for (const peer of [bob, witness]) {
      expect(await peer.whole()).toMatch(/\n\* closing shutdown: accepted \d+, delivered \d+\n$/);
      peer.end();
    }
    // It was lost before the drain, which itself lost nothing.
    expect(await server.exit()).toBe(0);
    expect(server.log.filter(({ event, level }) => event === 'left' && Number(level) > 30)).toEqual([left]);
  });

  test('while the server does not read from it is noticed by what is written to it', async () => {
    const server = await Program.serve('--write-timeout', '60');
    const witness = await login(server.port, 'witness');
    const [alice, bob] = [await login(server.port, 'alice'), await login(server.port, 'bob')];
    for (const peer of [alice, bob]) peer.socket.pause();
    alice.send(flood('bob', 'witness'));
    bob.send(flood('alice', 'witness'));
    await held('alice', witness);
    await held('bob', witness);
    alice.reset();

    const left = await server.logged('left');
    expect(left).toMatchObject({ level: 40, name: 'alice', reason: 'reset' });
    expect(left.abandoned).toBeGreaterThan(0);
    bob.socket.resume();
    await witness.heard(`from bob: ${FLOOD.count}\n`);
    await bob.settled();
    const got = bob.lines.filter((line) => line.startsWith('from alice: '));
    expect(got.every((line, index) => line === `from alice: ${index + 1} ${FLOOD.payload}`)).toBe(true);
    // All that was accepted of her reached those who are still here.
    const witnessed = witness.lines.filter((line) => line.startsWith('from alice: ')).length;
    expect(got.length + witnessed).toBe(left.accepted);
    expect(Number(left.delivered) + Number(left.abandoned) + missed(bob, 'alice')).toBe(FLOOD.count);
  });
});

/** Connections that the log says were refused for lack of room, one by one or summed up. */
function refusedIn({ log }: Program): number {
  const lines = log.filter(({ event, code }) => event === 'refused' && code === 'server-full');
  return lines.reduce((sum, { count = 1 }) => sum + Number(count), 0);
}

describe('a low limit of open files', () => {
  const LIMIT = 220;

  test('leaves less room: who has none is told so, who is here goes on, who leaves makes room', async () => {
    const program = new Program(['--port', '0', '--linger-timeout', '60'], {}, [
      'bash',
      '-c',
      `ulimit -n ${LIMIT}; exec "$0" "$@"`,
    ]);
    const listening = await program.logged('listening');
    const port = Number(listening.port);
    const room = Number(listening.maxConnections);
    expect(room).toBeGreaterThan(LIMIT / 4);
    expect(room).toBeLessThan(LIMIT - 2 * REFUSALS);
    expect(listening.msg).toContain(`room for ${room} connections`);

    const here = await Promise.all(Array.from({ length: room }, (_, n) => login(port, `n${n}`)));
    const excess = Array.from({ length: REFUSALS }, () => connect(port));
    for (const peer of excess) {
      const [error, ...rest] = (await peer.whole()).split('\n');
      expect(error).toMatch(/^! server-full: \S/);
      expect(rest).toEqual(['* closing server-full: accepted 0, delivered 0', '']);
    }
    await until(() => refusedIn(program) >= REFUSALS, 'the log of the refused');
    expect(refusedIn(program)).toBe(REFUSALS);

    // Everybody who is here still talks to the next.
    here.forEach((peer, n) => {
      peer.send(`n${(n + 1) % room}: still here\n`);
    });
    await Promise.all(here.map((peer, n) => peer.heard(`from n${(n + room - 1) % room}: still here\n`)));

    const leavers = here.slice(0, 10);
    for (const peer of leavers) peer.send('/quit\n');
    await Promise.all(leavers.map((peer) => peer.whole()));
    // Until they hang up, or have lingered, they take descriptors: only so many refusals can be open at a
    // time.
    const gone = [...excess, ...leavers];
    for (const peer of gone) peer.end();
    await until(() => gone.every(({ closed }) => closed), 'the connections to close');
    const newcomers = await Promise.all(leavers.map((_, n) => login(port, `new${n}`)));
    const late = connect(port);
    expect(await late.whole()).toMatch(/^! server-full: /);

    program.signal('SIGTERM');
    const rest = [...here.slice(10), ...newcomers];
    await Promise.all(rest.map((peer) => peer.whole()));
    expect(rest.every(({ text }) => text.includes('* closing shutdown: '))).toBe(true);
    for (const peer of [...rest, late]) peer.end();
    expect(await program.exit()).toBe(0);
    expect(program.stderr).toBe('');
  });
});

describe('a server with more refusals at a time than it has room for', () => {
  test('logs each connection that it refuses, also those that it has no word for', async () => {
    const [room, wordless] = [2, 5];
    // Who was refused and does not hang up keeps its place, so that the places run out.
    const server = await Program.serve('--max-connections', String(room), '--linger-timeout', '60');
    const here = [await login(server.port, 'alice'), await login(server.port, 'bob')];
    const told = Array.from({ length: REFUSALS }, () => connect(server.port));
    await Promise.all(told.map((peer) => peer.whole()));
    expect(told.every(({ text }) => text.startsWith('! server-full: '))).toBe(true);

    const dropped = Array.from({ length: wordless }, () => connect(server.port));
    await Promise.all(dropped.map((peer) => peer.whole()));
    expect(dropped.map(({ text }) => text)).toEqual(dropped.map(() => ''));
    const count = () => refusedIn(server);
    await until(() => count() >= REFUSALS + wordless, 'the log of all');
    expect(count()).toBe(REFUSALS + wordless);
    await Promise.all(here.map((peer) => peer.settled()));

    for (const peer of told) peer.end();
    await until(() => told.every(({ closed }) => closed), 'the refused to be gone');
    const next = connect(server.port);
    expect(await next.whole()).toMatch(/^! server-full: /);
  });
});
