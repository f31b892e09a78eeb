import { Duplex } from 'node:stream';
import { Subject, from, map, merge } from 'rxjs';
import { type Heard, type Said, bot } from '../../lib/index.ts';
import type { Peer } from '../support/peer.ts';
import { Server, stopServers } from '../support/server.ts';
import { until } from '../support/until.ts';

afterEach(stopServers);

/** ms; what is tested takes several of it. */
const writeTimeout = 2000;
const BODY = 'x'.repeat(1000);

const echo = map(({ from: name, text }: Heard): Said => ({ to: name, text }));

/** Reads some, waits, and so on, as long as the peer is connected. */
function readSlowly({ socket }: Peer, every: number): void {
  socket.pause();
  const look = setInterval(() => {
    if (socket.closed) clearInterval(look);
    socket.resume();
    socket.once('data', () => socket.pause());
  }, every);
}

/** A stream that floods `to`, and takes nothing. */
function deafFlood(name: string, to: string): Duplex {
  const stream = new Duplex({
    read() {
      setImmediate(() => stream.push(`${to}: ${BODY}\n`));
    },
    write() {},
  });
  stream.push(`${name}\n`);
  return stream;
}

describe('who takes nothing because it is kept waiting', () => {
  it('is not cut off: a bot whose answers are read slowly', async () => {
    const server = await Server.start({
      connections$: bot('echo', echo),
      writeTimeout,
      maxPending: 2 ** 20,
    });
    const alice = await server.login('alice');
    alice.socket.pause();
    alice.send(`echo: ${BODY}\n`.repeat(20_000));
    readSlowly(alice, 100);
    const began = performance.now();
    await until(() => performance.now() - began > 3 * writeTimeout, 'the time-out to be over', 20_000);
    expect(server.all('left')).toEqual([]);
    alice.socket.removeAllListeners('data').resume();
    const bob = await server.login('bob');
    bob.send('echo: still there?\n');
    await bob.heard('from echo: still there?\n');
  });

  it('nor is one that is kept waiting by one that is kept waiting', async () => {
    const forward = (to: string) => map(({ text }: Heard): Said => ({ to, text }));
    const relays = ['one', 'two', 'three', 'four'].map((name, index, names) =>
      bot(name, forward(names[index + 1] ?? 'reader')),
    );
    const server = await Server.start({ connections$: merge(...relays), writeTimeout, maxPending: 2 ** 20 });
    const reader = await server.login('reader');
    readSlowly(reader, 100);
    const alice = await server.login('alice');
    alice.send(`one: ${BODY}\n`.repeat(20_000));
    const began = performance.now();
    await until(() => performance.now() - began > 3 * writeTimeout, 'the time-out to be over', 20_000);
    expect(server.all('left')).toEqual([]);
  });
});

describe('who takes nothing', () => {
  it('is cut off where it floods one that takes nothing either', async () => {
    const connections$ = from([deafFlood('ping', 'pong'), deafFlood('pong', 'ping')]);
    const server = await Server.start({ connections$, writeTimeout });
    await until(() => server.all('left').length === 2, 'the end of both');
    expect(server.all('left').map(({ reason }) => reason)).toEqual(['slow-consumer', 'slow-consumer']);
  });

  it('is cut off where it floods itself', async () => {
    const server = await Server.start({ writeTimeout });
    const alice = await server.login('alice');
    alice.socket.pause();
    alice.send(`alice: ${BODY}\n`.repeat(20_000));
    expect(await server.told('left')).toMatchObject({ name: 'alice', reason: 'slow-consumer' });
  });

  it('is cut off at the deadline, though it is kept waiting', async () => {
    const shutdown$ = new Subject<void>();
    const server = await Server.start({
      connections$: from([deafFlood('ping', 'pong'), deafFlood('pong', 'ping')]),
      shutdown$,
      drainTimeout: 500,
      writeTimeout: 60_000,
    });
    await until(() => server.all('joined').length === 2, 'both');
    const began = performance.now();
    shutdown$.next();
    await server.told('drained');
    expect(performance.now() - began).toBeLessThan(5000);
  });
});
