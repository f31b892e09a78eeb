import { createServer } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Subject } from 'rxjs';
import {
  type DrainReport,
  OptionError,
  type RunningServer,
  type ServerEvent,
  startChatServer,
} from '../lib/index.ts';
import { Peer } from './support/peer.ts';

let running: RunningServer | undefined;
const peers: Peer[] = [];

async function start(...options: Parameters<typeof startChatServer>): Promise<RunningServer> {
  running = await startChatServer({ port: 0, ...options[0] }, options[1]);
  return running;
}

async function login(name: string): Promise<Peer> {
  const peer = await Peer.login(running?.port ?? 0, name);
  peers.push(peer);
  return peer;
}

afterEach(async () => {
  for (const { socket } of peers.splice(0)) socket.destroy();
  await running?.close();
  running = undefined;
});

const NOTHING_LOST = { abandoned: 0, losses: [] };

describe('a started server', () => {
  it('says where it listens, and tells its events', async () => {
    const events: ServerEvent[] = [];
    const server = await start({}, (event) => events.push(event));
    expect(server).toMatchObject({ address: '127.0.0.1', port: expect.any(Number) as number });
    await login('alice');
    expect(events.map(({ type }) => type)).toEqual(['listening', 'joined']);
  });

  it('listens at all of its endpoints', async () => {
    const server = await start({ listen: ['tcp://127.0.0.1:0', 'tcp://127.0.0.1:0'] });
    expect(server.endpoints).toHaveLength(2);
    for (const endpoint of server.endpoints) {
      const peer = await Peer.login(Number(endpoint.split(':')[2]), endpoint.replaceAll(/\W/g, ''));
      peer.end();
    }
  });

  it('delivers what is pending before it is closed, and closes once however often it is asked', async () => {
    const server = await start();
    const alice = await login('alice');
    alice.send('alice: hello\n'.repeat(1000));
    await alice.settled();
    const first = server.close();
    expect(server.close()).toBe(first);
    expect(server.closed).toBe(first);
    expect(await first).toMatchObject({ sessions: 1, ...NOTHING_LOST });
    expect(await alice.whole()).toContain('* closing shutdown: accepted 1000, delivered 1000\n');
    expect(await server.close()).toBe(await first);
  });

  it('is not cut short by an abort or a first signal that comes after close, but by a second signal', async () => {
    for (const signal of ['abort', 'first', 'second'] as const) {
      const stop = new AbortController();
      const shutdown$ = new Subject<void>();
      const server = await start({
        shutdown$: signal === 'abort' ? stop.signal : shutdown$,
        drainTimeout: 60_000,
      });
      const alice = await login('alice');
      alice.socket.pause();
      const count = 100_000;
      alice.send(`alice: ${'x'.repeat(100)}\n`.repeat(count));
      alice.end();
      const report = server.close();
      if (signal === 'abort') stop.abort();
      else shutdown$.next();
      if (signal === 'second') shutdown$.next();
      // Turns in which a drain that is cut short is over.
      if (signal === 'second') await report;
      else for (let turn = 0; turn < 20; turn += 1) await nextTurn();
      alice.socket.resume();
      const { abandoned } = await report;
      if (signal !== 'second') expect(abandoned).toBe(0);
      expect((await alice.whole()).includes('* closing')).toBe(signal !== 'second');
    }
  });

  it('is closed by its AbortSignal, and by close after it', async () => {
    const stop = new AbortController();
    const server = await start({ shutdown$: stop.signal });
    stop.abort();
    expect(await server.close()).toMatchObject(NOTHING_LOST);
    expect(await server.closed).toMatchObject(NOTHING_LOST);
  });

  it('is closed by `await using`', async () => {
    const server = await start();
    const disposed: Promise<void> = server[Symbol.asyncDispose]();
    await disposed;
    const report: DrainReport = await server.closed;
    expect(report).toMatchObject(NOTHING_LOST);
  });
});

describe('a server that does not start', () => {
  it('rejects with what is wrong', async () => {
    await expect(startChatServer({ port: -1 })).rejects.toThrow(OptionError);
    const taken = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => taken.once('listening', resolve));
    const { port } = taken.address() as { port: number };
    await expect(startChatServer({ port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
    taken.close();
  });

  it('rejects where the shutdown came first', async () => {
    await expect(startChatServer({ port: 0, shutdown$: AbortSignal.abort() })).rejects.toThrow(
      'the shutdown came before the server listened',
    );
  });
});
