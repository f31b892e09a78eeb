import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Subject, lastValueFrom } from 'rxjs';
import { lines, overlong } from '../../lib/readers/lines.ts';
import { Peer } from '../support/peer.ts';
import { Program } from '../support/program.ts';
import { Server, stopServers } from '../support/server.ts';
import { until } from '../support/until.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const MB = 2 ** 20;

const peers: Peer[] = [];

/** A peer of which nothing is kept when the test lets go of it, unlike the ones that a `Server` makes. */
function connect(port: number): Peer {
  const peer = new Peer(port);
  peers.push(peer);
  return peer;
}

afterEach(async () => {
  for (const peer of peers.splice(0)) peer.socket.destroy();
  stopServers();
  await Program.stopAll();
});

function heap(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** The least that the heap comes down to once what is closed has had its time to go. */
async function settledHeap(): Promise<number> {
  let least = heap();
  for (let round = 0; round < 5; round += 1) {
    await new Promise((resolve) => setImmediate(resolve));
    least = Math.min(least, heap());
  }
  return least;
}

/** Waits for the heap to come back to what it was, give or take `slack`. */
async function heapIsBack(before: number, slack: number): Promise<void> {
  let now = heap();
  await until(
    () => (now = heap()) <= before + slack,
    () => `a heap of ${before} bytes, and ${slack} for chance; it has ${now}`,
  );
}

describe('the heap', () => {
  test('is where it was after 200,000 messages to as many unknown names', async () => {
    const server = await Server.start();
    const alice = connect(server.port);
    // She counts her errors and forgets them: here the peer must not be what grows.
    alice.socket.removeAllListeners('data');
    let errors = 0;
    let ending = '';
    alice.socket.on('data', (chunk: Buffer) => {
      for (let at = chunk.indexOf('! not-c'); at >= 0; at = chunk.indexOf('! not-c', at + 1)) errors += 1;
      ending = chunk.toString().slice(-20);
    });
    const write = async (first: number, count: number) => {
      const text = Array.from({ length: count }, (_, n) => `stranger${first + n}: hello\n`).join('');
      alice.send(`${text}/ping ${first}\n`);
      await until(() => ending.endsWith(`* pong ${first}\n`), 'an answer');
    };
    alice.send('alice\n');
    for (let batch = 0; batch < 4; batch += 1) await write(batch * 5000, 5000);
    const before = await settledHeap();
    for (let batch = 4; batch < 44; batch += 1) await write(batch * 5000, 5000);
    // Ten bytes for each name that was written would be more than this.
    await heapIsBack(before, 2 * MB);
    // A chunk may end within the word that is counted.
    expect(errors).toBeGreaterThan(219_000);
  });

  test('keeps nothing of 3,000 sessions that came and went', async () => {
    const shutdown$ = new Subject<void>();
    const wave = 500;
    // Room for one wave only: whoever was not forgotten would keep the next ones out.
    const server = await Server.start({ shutdown$, maxConnections: wave + 1 });
    const alice = await server.login('alice');
    const comeAndGo = async (first: number) => {
      const crowd = Array.from({ length: wave }, () => connect(server.port));
      crowd.forEach((peer, n) => {
        // To itself: what somebody else was sent would stay with the test.
        peer.send(`guest${first + n}\nguest${first + n}: x\n`);
      });
      const isWelcome = (peer: Peer, n: number) => peer.text.includes(`* welcome guest${first + n}\n`);
      await until(() => crowd.every(isWelcome), 'everybody to be here');
      crowd.forEach((peer, n) => {
        // In all the ways there are to leave.
        if (n % 4 === 0) peer.send('/quit\n');
        else if (n % 4 === 1) peer.end();
        else if (n % 4 === 2) peer.reset();
        else peer.socket.destroy();
      });
      const isTold = ({ ended, closed }: Peer, n: number) => n % 4 >= 2 || ended || closed;
      await until(() => crowd.every(isTold), 'the end of their streams');
      for (const peer of crowd) peer.end();
      await until(() => server.all('left').length === wave, 'everybody to have left');
      expect(server.all('refused')).toEqual([]);
      // What the test remembers is not the server's.
      server.events.splice(1);
      peers.length = 0;
    };
    await comeAndGo(0);
    const before = await settledHeap();
    for (let n = 1; n <= 6; n += 1) await comeAndGo(n * wave);
    // A session takes several times this.
    await heapIsBack(before, 3000 * 500);

    const bob = await server.login('bob');
    bob.send('/who\n');
    await bob.heard('* who 2: alice, bob\n');
    await bob.quit();
    bob.end();
    await server.told('left');
    shutdown$.next();
    await server.told('draining');
    // Nobody is waited for but her.
    expect(server.all('draining')).toMatchObject([{ sessions: 1 }]);
    await alice.whole();
    alice.end();
    await server.drained();
    expect(server.all('drained')).toMatchObject([{ report: { sessions: 1, abandoned: 0 } }]);
  });
});

describe('a line that is dribbled', () => {
  const CHUNK = Buffer.alloc(16, 'x');

  /** ms of CPU, which other processes take no part of, that a line of `size` bytes in tiny chunks costs. */
  async function cost(size: number, maxLine: number): Promise<number> {
    const source = new Subject<Buffer>();
    let length = 0;
    const taken = lastValueFrom(source.pipe(lines(maxLine)), { defaultValue: overlong });
    collectGarbage();
    const began = process.cpuUsage();
    for (; length < size; length += CHUNK.length) source.next(CHUNK);
    source.next(Buffer.from('\n'));
    const { user, system } = process.cpuUsage(began);
    source.complete();
    const piece = await taken;
    expect(typeof piece === 'symbol' ? 'dropped' : piece.length).toBe(size > maxLine ? 'dropped' : size + 1);
    return (user + system) / 1000;
  }

  test.each([
    ['kept', 64 * MB],
    ['dropped', 65_536],
  ])('and %s costs CPU in proportion to its length', async (_what, maxLine) => {
    const few = MB / 4;
    // Warms up what is measured.
    await cost(few, maxLine);
    // The least of several: other processes may make a measurement dearer, none makes it cheaper.
    let [once, fourfold] = [Infinity, Infinity];
    const isLinear = async () => {
      once = Math.min(once, await cost(few, maxLine));
      fourfold = Math.min(fourfold, await cost(4 * few, maxLine));
      // Four times is linear, sixteen times quadratic.
      return fourfold < 8 * once + 20;
    };
    await until(isLinear, () => `less than ${8 * once} ms; it takes ${fourfold}`);
  });
});

describe('the log', () => {
  /**
   * Each is one line of input and no name; what follows the comma would be welcome in a log that can be
   * forged. With one more they are ten, which is as many lines of a kind as one address has in a second.
   */
  const FORGERIES = [
    'a,\r{"level":30,"event":"drained"}',
    'a,\x1b[2J\x1b]0;title\x07',
    'a,"}\\n{"event":"joined","name":"root"}',
    'a,\u202egnorw\u202c',
    'a,\u2066isolated\u2069\u200f\u061c',
    'a,one\u2028two\u2029three',
    'a,one\u0085two\u009b31mred',
    'a,\0\b\v\f\x7f\ufeff\u200b\u00ad\u{e0041}',
    `a,${'\x1b\u202e\u2028'.repeat(2000)}`,
  ];

  /** What may not stand in a log line as it is: control, format, bidi, separators. */
  const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;

  test('has one line for each refused login, and nothing in it drives a terminal', async () => {
    const server = await Program.serve();
    const peer = connect(server.port);
    const inputs = [
      ...FORGERIES.map((text) => Buffer.from(text)),
      Buffer.from('a,\xff\xfe\x80\x9b', 'latin1'),
    ];
    for (const input of inputs) peer.send(Buffer.concat([input, Buffer.from('\n')]));
    peer.send('alice\n/quit\n');
    await peer.whole();
    await server.logged('joined');

    const refused = server.log.filter(({ event }) => event === 'refused');
    expect(refused).toHaveLength(inputs.length);
    const expected = { code: 'name-invalid', remote: peer.address };
    for (const line of refused) expect(line).toMatchObject(expected);
    expect(server.log.map(({ event }) => event)).toEqual([
      'listening',
      ...refused.map(() => 'refused'),
      'joined',
    ]);
    for (const line of server.stdout.split('\n')) expect(line).not.toMatch(UNPRINTABLE);
    // Nor once it is read: JSON would hide it from the eye, not from a program that shows it.
    for (const { name, msg } of refused) {
      expect(name).toBeUndefined();
      expect(msg).not.toMatch(UNPRINTABLE);
    }
  });

  test('has one line also for what is no chat', async () => {
    const server = await Program.serve();
    for (const input of ['GET /\x1b[2J\u202e HTTP/1.1\r\n', Buffer.from([0x16, 3, 1, 0x1b, 0x0a, 0x0a])]) {
      const peer = connect(server.port);
      peer.send(input);
      await peer.whole();
      peer.end();
      await server.logged('left', ({ remote }) => remote === peer.address);
    }
    expect(server.log.slice(1).map(({ event, code, name }) => [event, code, name])).toEqual([
      ['refused', 'not-chat', undefined],
      ['left', undefined, undefined],
      ['refused', 'not-chat', undefined],
      ['left', undefined, undefined],
    ]);
    for (const line of server.stdout.split('\n')) expect(line).not.toMatch(UNPRINTABLE);
  });
});

/** Lines that the kernel cannot hold all for a peer that does not read. */
function flood(to: string, count: number, witness?: string): string {
  let input = '';
  for (let n = 1; n <= count; n += 1) {
    input += `${to}: ${n} ${PAYLOAD}\n`;
    if (witness !== undefined && n % 50 === 0) input += `${witness}: ${n}\n`;
  }
  return input;
}

const PAYLOAD = 'x'.repeat(4000);

const from = (peer: Peer, name: string) => peer.lines.filter((line) => line.startsWith(`from ${name}: `));

function isWhole(messages: readonly string[], name: string): boolean {
  return messages.every((line, index) => line === `from ${name}: ${index + 1} ${PAYLOAD}`);
}

/**
 * Resolves when a flood has begun of which `witness` hears now and then, and then its senders get no further.
 */
async function held(witness: Peer): Promise<void> {
  const heard = () => witness.lines.filter((line) => line.startsWith('from ')).length;
  let before: number;
  await witness.heard(': 50\n');
  do {
    before = heard();
    for (let round = 0; round < 5; round += 1) await witness.settled();
  } while (heard() > before);
}

describe('a peer that reads slowly', () => {
  test('but steadily is never cut off, and loses nothing', async () => {
    const writeTimeout = 2000;
    const count = 8000;
    const server = await Server.start({ writeTimeout });
    const [witness, alice, slow] = await server.logins('witness', 'alice', 'slow');
    slow.socket.removeAllListeners('data').pause();
    const chunks: Buffer[] = [];
    alice.send(`${flood('slow', count, 'witness')}/quit\n`);
    await held(witness);

    const began = performance.now();
    while (performance.now() - began < 3.5 * writeTimeout) {
      const chunk = slow.socket.read(65_536) as Buffer | null;
      const rest = chunk ?? (slow.socket.read() as Buffer | null);
      if (rest !== null) chunks.push(rest);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    // All the while something waited for it, for its sender has not got through yet.
    expect(from(witness, 'alice').length).toBeLessThan(count / 50);
    slow.socket.on('data', (chunk: Buffer) => chunks.push(chunk)).resume();
    await alice.whole();
    slow.send('/quit\n');
    await until(() => slow.ended, 'the end of the stream');

    const got = Buffer.concat(chunks).toString().split('\n').slice(0, -1);
    expect(got.at(-1)).toBe(`* closing quit: accepted 0, delivered ${count}`);
    const messages = got.filter((line) => line.startsWith('from '));
    expect(messages).toHaveLength(count);
    expect(isWhole(messages, 'alice')).toBe(true);
    expect(server.all('left').filter(({ reason }) => reason === 'slow-consumer')).toEqual([]);
  });

  test('slows down those who write to it, and nobody else', async () => {
    const count = 10_000;
    const server = await Server.start({ writeTimeout: 60_000 });
    const witness = await server.login('witness');
    const [bob, carol] = [await server.login('bob'), await server.login('carol')];
    let round = 0;
    /** ms that bob's messages to carol take. */
    const time = async () => {
      round += 1;
      const input = `carol: ${'x'.repeat(500)}\n`.repeat(count);
      const began = performance.now();
      let end = '';
      const listen = (chunk: Buffer) => (end = (end + chunk.toString('latin1')).slice(-50));
      carol.socket.on('data', listen);
      bob.send(`${input}carol: that was ${round}\n`);
      await until(() => end.endsWith(`that was ${round}\n`), 'all to arrive');
      carol.socket.off('data', listen);
      return performance.now() - began;
    };
    await time();
    const alone = Math.min(await time(), await time());

    const slow = await server.login('slow');
    slow.socket.pause();
    const senders = await Promise.all(['s1', 's2', 's3'].map((name) => server.login(name)));
    for (const sender of senders) sender.send(flood('slow', 4000, 'witness'));
    await held(witness);
    const heard = witness.lines.filter((line) => line.startsWith('from s')).length;
    await until(async () => (await time()) < 2 * alone + 50, `what takes ${alone} ms alone`);
    // They have not got any further meanwhile, and have much to say still.
    expect(witness.lines.filter((line) => line.startsWith('from s'))).toHaveLength(heard);
    expect(heard).toBeLessThan((3 * 4000) / 50);

    slow.socket.resume();
    await Promise.all(senders.map((sender) => sender.settled()));
    await slow.quit();
    for (const name of ['s1', 's2', 's3']) {
      expect(from(slow, name)).toHaveLength(4000);
      expect(isWhole(from(slow, name), name)).toBe(true);
    }
  });
});

describe('two peers that flood each other and never read', () => {
  test('both end by the write time-out, and the server drains after', async () => {
    const shutdown$ = new Subject<void>();
    const server = await Server.start({ shutdown$, writeTimeout: 1000, lingerTimeout: 100 });
    const witness = await server.login('witness');
    const [alice, bob] = [await server.login('alice'), await server.login('bob')];
    for (const peer of [alice, bob]) peer.socket.pause();
    alice.send(flood('bob', 4000));
    bob.send(flood('alice', 4000));
    for (const name of ['alice', 'bob']) {
      const left = await server.told('left', (event) => event.name === name);
      expect(left.reason).toBe('slow-consumer');
      expect(left.abandoned).toBeGreaterThan(0);
      // It was held, and so was not heard to its end.
      expect(left.accepted).toBeGreaterThan(0);
    }
    witness.send('/who\n');
    await witness.heard('* who 1: witness\n');
    const again = await server.login('alice');
    again.send('witness: back\n');
    await witness.heard('from alice: back\n');

    shutdown$.next();
    for (const peer of [witness, again]) {
      expect(await peer.whole()).toMatch(/\* closing shutdown: accepted \d, delivered \d\n$/);
      peer.end();
    }
    await server.drained();
    expect(server.all('drained')).toMatchObject([{ report: { sessions: 2, abandoned: 0, losses: [] } }]);
  });
});

describe('many peers that never read', () => {
  /** Room for one of them, for which alone nobody would be held, and for all. */
  const LIMITS = ['--max-pending', String(4096 * MB), '--max-pending-total', String(4 * MB)];
  const COUNT = 4;
  const LINE = 500;
  const LINES = (48 * MB) / LINE;

  test('make all senders wait once too much does for all together, and nobody lose anything', async () => {
    const server = await Program.serve(...LIMITS, '--write-timeout', '2');
    const resident = () => {
      const status = readFileSync(`/proc/${server.child.pid ?? ''}/status`, 'latin1');
      return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
    };
    const login = async (name: string) => {
      const peer = await Peer.login(server.port, name);
      peers.push(peer);
      return peer;
    };
    const [carol, dave] = [await login('carol'), await login('dave')];
    const before = resident();
    for (let index = 0; index < COUNT; index += 1) {
      const deaf = await login(`deaf${index}`);
      deaf.socket.pause();
      const line = `deaf${index}: ${'x'.repeat(LINE)}\n`;
      const sender = await login(`sender${index}`);
      sender.send(line.repeat(LINES));
    }
    let most = 0;
    const look = setInterval(() => (most = Math.max(most, resident())), 20);
    const isCut = () => server.log.filter(({ reason }) => reason === 'slow-consumer').length === COUNT;
    await until(isCut, 'all who do not read to be cut off');
    clearInterval(look);
    // Of what a sender's chunk holds, some is let in before it is held; and what is garbage lies around for a
    // while.
    expect(most - before).toBeLessThan(90 * MB);

    carol.send('dave: 1\ndave: 2\n/quit\n');
    expect(await carol.whole()).toContain('* closing quit: accepted 2, ');
    await dave.heard('from carol: 1\nfrom carol: 2\n');
  });
});
