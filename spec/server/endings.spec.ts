import fs from 'node:fs';
import { Duplex } from 'node:stream';
import { NEVER, Subject, concat, of } from 'rxjs';
import type { EndReason, ServerOptions } from '../../lib/index.ts';
import { WriteBatches } from '../../lib/writers/write-batches.ts';
import { Roster } from '../../lib/broker/roster.ts';
import { DISTANCE } from '../../lib/os/tcp-table.ts';
import { untaken } from '../../lib/os/write-queue.ts';
import { account, accountsFile, removeDirectories } from '../support/accounts.ts';
import type { Peer } from '../support/peer.ts';
import { Server, stopServers } from '../support/server.ts';
import { until } from '../support/until.ts';

/** Messages that fit into what the kernel holds of a connection, and messages that do not. */
const FEW = { count: 100, width: 1000 };
const MANY = { count: 4000, width: 4000 };

/** ms after which a closed peer that is silent is hung up on, in these tests. */
const LINGER = 100;

/** Lets a sender write all of `MANY` without being held. */
const ROOMY = { maxPending: 2 ** 30, lingerTimeout: LINGER };

const real = setInterval;

afterEach(() => {
  jest.restoreAllMocks();
  stopServers();
  removeDirectories();
});

/** A peer without a socket: the first of what it says is taken in the turn in which it says it. */
class Local extends Duplex {
  readonly trusted = true;
  heard = '';

  constructor() {
    super({ allowHalfOpen: true });
    this.resume();
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.heard += chunk.toString();
    done();
  }

  say(text: string): void {
    this.push(text);
  }
}

/** A server where alice, who is part of it, writes to bob, whose session ends. */
class Scene {
  readonly alice = new Local();
  readonly shutdown$ = new Subject<void>();
  readonly server: Server;
  /** Others who write to bob. */
  readonly others: Peer[] = [];
  #written = 0;
  #bob: Peer | undefined;

  constructor(options: Partial<ServerOptions>) {
    // It does not complete: that is for a program whose connections are all there will be.
    const connections$ = concat(of(this.alice), NEVER);
    this.server = new Server({ ...ROOMY, connections$, shutdown$: this.shutdown$, ...options });
  }

  get bob(): Peer {
    if (this.#bob === undefined) throw new Error('bob is not here yet');
    return this.#bob;
  }

  async begin(login = 'bob\n'): Promise<void> {
    await this.server.told('listening');
    this.alice.say('alice\n');
    await this.server.told('joined');
    this.#bob = this.server.connect();
    if (login !== '') this.bob.send(login);
    await until(() => this.bob.address !== '' || this.bob.closed, 'a connection');
    if (login !== '') await this.server.told('joined', ({ remote }) => remote === this.bob.address);
  }

  /** Alice writes so many messages to bob. */
  write({ count, width }: typeof FEW): void {
    const padding = 'x'.repeat(width);
    let text = '';
    for (let line = 0; line < count; line += 1) text += `bob: ${(this.#written += 1)} ${padding}\n`;
    this.alice.say(text);
  }

  /** Resolves when bob has read all that was written to him. */
  async read(): Promise<void> {
    await this.bob.heard(`from alice: ${this.#written} `);
  }

  /** Resolves when all that alice wrote is taken. */
  async taken(): Promise<void> {
    this.alice.say('/ping taken\n');
    await until(() => this.alice.heard.includes('* pong taken\n'), 'all to be taken');
  }

  /** Messages that were accepted for bob, as those were told who wrote them. */
  get accepted(): number {
    const said = [this.alice.heard, ...this.others.map(({ text }) => text)];
    const taken = said.map((text) => Number(/\* closing \w+: accepted (\d+)/.exec(text)?.[1]));
    const missed = said.map((text) => text.match(/^! not-connected bob: /gm)?.length ?? 0);
    return [...taken, ...missed.map((count) => -count)].reduce((sum, count) => sum + count);
  }

  left() {
    return this.server.told('left', ({ remote }) => remote === this.bob.address);
  }

  drain(): void {
    this.shutdown$.next();
  }
}

/** Passes so much time as the row is about. */
async function pass(ms: number): Promise<void> {
  const began = performance.now();
  await until(() => performance.now() - began >= ms, 'time to pass');
}

interface Row {
  /** Who ends it, and what is on its way. */
  readonly what: string;
  readonly options?: Partial<ServerOptions>;
  /** What bob says first; that he says nothing where it is empty. */
  readonly login?: string;
  readonly play: (scene: Scene) => Promise<void> | void;
  readonly reason: EndReason;
  /** Of what bob wrote. */
  readonly accepted?: number | 'some';
  /** What is counted of the messages that were accepted for him. */
  readonly abandoned: 'none' | 'some' | 'all';
  /** Whether what he did not get was lost in the drain, so that the program exits with 1. */
  readonly exit: 0 | 1;
  /** Whether bob breaks the connection himself, and so may not have what he got. */
  readonly breaks?: boolean;
}

/** Many messages are on their way to bob, who does not read. */
async function stuck(scene: Scene): Promise<void> {
  scene.bob.socket.pause();
  scene.write(MANY);
  await scene.taken();
}

const rows: readonly Row[] = [
  {
    what: 'the peer, by half-close, who has read all',
    play: async (scene) => {
      scene.write(FEW);
      await scene.read();
      scene.bob.send('alice: thanks\nalice: bye');
      scene.bob.end();
    },
    ...{ reason: 'eof', accepted: 2, abandoned: 'none', exit: 0 },
  },
  {
    what: 'the peer, by half-close, who reads no more of what is on its way',
    options: { writeTimeout: 500 },
    play: async (scene) => {
      await stuck(scene);
      scene.bob.end();
    },
    ...{ reason: 'slow-consumer', abandoned: 'some', exit: 0 },
  },
  {
    what: 'the peer, by half-close, who reads what is on its way later',
    play: async (scene) => {
      await stuck(scene);
      scene.bob.end();
      await until(async () => (await scene.server.converse('carol\n/who\n')).includes('who 2'), 'his end');
      scene.bob.socket.resume();
    },
    ...{ reason: 'eof', abandoned: 'none', exit: 0 },
  },
  {
    what: 'the peer, by /quit, who has read all',
    play: async (scene) => {
      scene.write(FEW);
      await scene.read();
      scene.bob.send('alice: bye\n/quit\nalice: this is not taken\n');
    },
    ...{ reason: 'quit', accepted: 1, abandoned: 'none', exit: 0 },
  },
  {
    what: 'the peer, by /quit, who never reads',
    options: { writeTimeout: 500 },
    play: async (scene) => {
      await stuck(scene);
      scene.bob.send('/quit\n');
    },
    ...{ reason: 'slow-consumer', abandoned: 'some', exit: 0 },
  },
  {
    what: 'the peer, by a reset, who has read all',
    play: async (scene) => {
      scene.write(FEW);
      await scene.read();
      scene.bob.reset();
    },
    ...{ reason: 'reset', abandoned: 'none', exit: 0 },
  },
  {
    what: 'the peer, by a reset, who does not read',
    play: async (scene) => {
      await stuck(scene);
      await until(() => scene.bob.socket.readableLength > 0, 'something to read');
      scene.bob.reset();
    },
    ...{ reason: 'reset', abandoned: 'some', exit: 0, breaks: true },
  },
  {
    what: 'the peer, by a reset right before he is written to',
    play: (scene) => {
      scene.bob.reset();
      scene.write(FEW);
    },
    ...{ reason: 'reset', abandoned: 'all', exit: 0 },
  },
  {
    what: 'the peer, by a reset right before he is written to, in a drain',
    play: (scene) => {
      scene.bob.reset();
      scene.write(FEW);
      scene.drain();
    },
    ...{ reason: 'reset', abandoned: 'all', exit: 1 },
  },
  {
    what: 'the peer, by a reset in a drain, who does not read',
    play: async (scene) => {
      await stuck(scene);
      await until(() => scene.bob.socket.readableLength > 0, 'something to read');
      scene.drain();
      await scene.server.told('draining');
      scene.bob.reset();
    },
    ...{ reason: 'reset', abandoned: 'some', exit: 1, breaks: true },
  },
  {
    what: 'the server, as he says nothing',
    options: { idleTimeout: 500 },
    play: (scene) => {
      scene.write(FEW);
    },
    ...{ reason: 'idle', abandoned: 'none', exit: 0 },
  },
  {
    what: 'the server, as he says no name',
    options: { loginTimeout: 500 },
    login: '',
    play: () => {},
    ...{ reason: 'login-timeout', abandoned: 'none', exit: 0 },
  },
  {
    what: 'the server, as it is full',
    options: { maxConnections: 1 },
    login: '',
    play: () => {},
    ...{ reason: 'server-full', abandoned: 'none', exit: 0 },
  },
  {
    what: 'the server, as he speaks HTTP',
    login: '',
    play: (scene) => {
      scene.bob.send('POST / HTTP/1.1\r\n');
    },
    ...{ reason: 'not-chat', abandoned: 'none', exit: 0 },
  },
  {
    what: 'the server, as he comes back from elsewhere',
    login: 'bob:secret\n',
    play: async (scene) => {
      scene.write(FEW);
      await scene.read();
      const again = scene.server.connect();
      again.send('bob:secret\n');
      await again.heard('* welcome bob\n');
    },
    ...{ reason: 'replaced', abandoned: 'none', exit: 0 },
  },
  {
    what: 'the server, as he comes back from elsewhere and never reads here',
    options: { writeTimeout: 500 },
    login: 'bob:secret\n',
    play: async (scene) => {
      await stuck(scene);
      const again = scene.server.connect();
      again.send('bob:secret\n');
      await again.heard('* welcome bob\n');
    },
    ...{ reason: 'slow-consumer', abandoned: 'some', exit: 0 },
  },
  {
    what: 'the server, as he takes nothing for too long',
    options: { writeTimeout: 500 },
    play: stuck,
    ...{ reason: 'slow-consumer', abandoned: 'some', exit: 0 },
  },
  {
    what: 'the server, as much too much waits for him',
    options: { maxPending: 2 ** 20 },
    play: async (scene) => {
      scene.bob.socket.pause();
      scene.write(MANY);
      // Each of them is held, but for what is taken before that.
      const others = Array.from({ length: 80 }, (_, index) => scene.server.login(`sender${index}`));
      for (const other of await Promise.all(others)) {
        scene.others.push(other);
        other.send(`bob: ${'x'.repeat(1000)}\n`.repeat(100));
      }
    },
    ...{ reason: 'slow-consumer', abandoned: 'some', exit: 0 },
  },
  {
    what: 'the server, as he has vanished while he was held',
    play: async (scene) => {
      // His reset waits behind input that nobody reads as long as he is held.
      const carol = await scene.server.login('carol');
      carol.socket.pause();
      scene.bob.send(`carol: ${'x'.repeat(10_000)}\n`.repeat(4000));
      await held(scene.bob);
      // Of who never was in the system's table it says nothing that he is not: one that was asked after this
      // is over.
      const before = readings();
      await until(() => readings() > before + 2, 'the system to be asked about him');
      scene.bob.reset();
      await scene.left();
      carol.socket.resume();
    },
    options: { maxPending: 2 ** 20 },
    ...{ reason: 'vanished', accepted: 'some', abandoned: 'none', exit: 0 },
  },
  {
    what: 'the server, as it fails while it takes a line of his',
    play: (scene) => {
      jest.spyOn(Roster.prototype, 'tellWho').mockImplementationOnce(fail);
      scene.write(FEW);
      scene.bob.send('alice: hi\n/who\nalice: this is not taken\n');
    },
    ...{ reason: 'internal-error', accepted: 1, abandoned: 'none', exit: 0 },
  },
  {
    what: 'the server, as it fails while it writes to him',
    play: (scene) => {
      jest.spyOn(WriteBatches.prototype, 'pack').mockImplementationOnce(fail);
      scene.write(FEW);
    },
    ...{ reason: 'internal-error', abandoned: 'all', exit: 0 },
  },
  {
    what: 'the deadline, when he does not read',
    options: { drainTimeout: 500 },
    play: async (scene) => {
      await stuck(scene);
      scene.drain();
    },
    ...{ reason: 'deadline', abandoned: 'some', exit: 1 },
  },
  {
    what: 'the deadline, when he reads slowly',
    options: { drainTimeout: 1000 },
    play: (scene) => {
      const { socket } = scene.bob;
      socket.on('data', () => {
        socket.pause();
        setTimeout(() => socket.resume(), 50);
      });
      scene.write(MANY);
      scene.drain();
    },
    ...{ reason: 'deadline', abandoned: 'some', exit: 1 },
  },
  {
    what: 'the deadline, when he does not read what counted as delivered before the drain',
    options: { drainTimeout: 500 },
    play: async (scene) => {
      scene.bob.socket.pause();
      // The kernel takes all of that, but the peer's has no room for it.
      scene.write({ count: 1500, width: 1000 });
      await scene.taken();
      scene.drain();
    },
    ...{ reason: 'deadline', abandoned: 'some', exit: 1 },
  },
  {
    what: 'a second signal, when he does not read',
    play: async (scene) => {
      await stuck(scene);
      scene.drain();
      await until(() => scene.alice.heard.includes('* closing'), 'the end of the input');
      scene.drain();
    },
    ...{ reason: 'deadline', abandoned: 'some', exit: 1 },
  },
  {
    what: 'a shutdown, when he is silent and has all',
    play: async (scene) => {
      scene.write(FEW);
      await scene.read();
      scene.drain();
    },
    ...{ reason: 'shutdown', abandoned: 'none', exit: 0 },
  },
  {
    what: 'a shutdown, when he says no name',
    login: '',
    play: (scene) => {
      scene.drain();
    },
    ...{ reason: 'shutdown', abandoned: 'none', exit: 0 },
  },
  {
    what: 'a shutdown, when he reads on after a pause that is longer than a silent peer is waited for',
    play: async (scene) => {
      scene.bob.socket.pause();
      scene.write({ count: 50, width: 20_000 });
      scene.drain();
      await pass(8 * LINGER);
      scene.bob.socket.resume();
    },
    ...{ reason: 'shutdown', abandoned: 'none', exit: 0 },
  },
  {
    what: 'a shutdown, when he types in such a pause',
    play: async (scene) => {
      scene.bob.socket.pause();
      scene.write({ count: 50, width: 20_000 });
      scene.drain();
      scene.bob.send('alice: too late\n');
      await pass(8 * LINGER);
      scene.bob.socket.resume();
    },
    ...{ reason: 'shutdown', abandoned: 'none', exit: 0 },
  },
];

/** How often the system was asked about connections. */
function readings(): number {
  return jest.mocked(fs.openSync).mock.calls.filter(([path]) => path === '/proc/self/net/tcp').length;
}

function fail(): never {
  throw new Error('this is a bug');
}

/** Resolves when nothing more goes out of what a peer has to send, turn after turn of this process. */
async function held({ socket }: Peer): Promise<void> {
  let [turns, left] = [0, 0];
  await until(() => {
    turns = untaken(socket) === left ? turns + 1 : 0;
    left = untaken(socket);
    return left > 0 && turns >= 20;
  }, 'a peer to be held');
}

test.each(rows)('$what: $reason, $abandoned abandoned, exit $exit', async (row) => {
  const { options, login, reason, accepted = 0, abandoned, exit } = row;
  // Peers that have vanished are looked for more seldom than a test can wait for.
  Object.assign(DISTANCE, { patient: 0 });
  jest
    .spyOn(globalThis, 'setInterval')
    .mockImplementation(((action: () => void, ms: number) =>
      real(action, ms === 30_000 ? 100 : ms)) as typeof setInterval);
  jest.spyOn(fs, 'openSync');
  const accounts = accountsFile(account('bob', 'secret'));
  const scene = new Scene({ ...options, ...(login?.includes(':') && { accounts, guests: true }) });
  await scene.begin(login);
  await row.play(scene);

  const left = await scene.left();
  expect(left.reason).toBe(reason);
  if (accepted === 'some') expect(left.accepted).toBeGreaterThan(0);
  else expect(left.accepted).toBe(accepted);
  expect(left.delivered).toBeGreaterThanOrEqual(0);
  if (abandoned === 'none') expect(left.abandoned).toBe(0);
  else expect(left.abandoned).toBeGreaterThan(0);
  if (abandoned === 'all') expect(left.delivered).toBe(0);

  // What counts as delivered did arrive, though more may have.
  const { bob, server } = scene;
  bob.socket.resume();
  await bob.whole();
  const got = bob.lines.filter((line) => line.startsWith('from '));
  if (row.breaks !== true) expect(got.length).toBeGreaterThanOrEqual(left.delivered);

  if (server.all('draining').length === 0) scene.drain();
  const { report } = await server.told('drained');
  expect(left.delivered + left.abandoned).toBe(scene.accepted);
  const { name, remote } = left;
  const losses = exit === 0 ? [] : [{ name, remote, reason, abandoned: left.abandoned }];
  expect(report).toMatchObject({ losses, abandoned: exit === 0 ? 0 : left.abandoned });
  expect(report.delivered).toBeGreaterThanOrEqual(0);
  const delivered = server.all('left').reduce((sum, { delivered }) => sum + delivered, 0);
  expect(report.delivered).toBeLessThanOrEqual(delivered);
  expect(server.failure).toBeUndefined();
});
