import { createServer } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { NEVER, type Observable, Subject, config, of, take } from 'rxjs';
import {
  type Connection,
  type DrainReport,
  Meter,
  OptionError,
  type RunningServer,
  type ServerEvent,
  type ServerOptions,
  bot,
  chatServer,
  startChatServer,
} from '../lib/index.ts';
import { account, accountsFile, removeDirectories } from './support/accounts.ts';
import { Peer } from './support/peer.ts';
import { Server, stopServers } from './support/server.ts';
import { until } from './support/until.ts';

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
  stopServers();
  removeDirectories();
  config.onUnhandledError = null;
  await running?.close().catch(() => {});
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

describe('what fails in the program around a server', () => {
  const bug = new Error('a bug');

  it('is what its promise is rejected with, where nobody heard yet that it listens', async () => {
    const failing = startChatServer({ port: 0 }, () => {
      throw bug;
    });
    await expect(failing).rejects.toBe(bug);
  });

  it('is what it is closed with, once what was accepted is delivered', async () => {
    let told = 0;
    const server = await start({}, ({ type }) => {
      told += 1;
      if (type === 'left') throw bug;
    });
    const alice = await login('alice');
    const bob = await login('bob');
    alice.send(`alice: ${'x'.repeat(1000)}\n`.repeat(10_000));
    await alice.settled();
    bob.end();
    expect(await alice.whole()).toContain('* closing shutdown: accepted 10000, delivered 10000\n');
    alice.end();
    await expect(server.closed).rejects.toBe(bug);
    await expect(server.close()).rejects.toBe(bug);
    expect(told).toBe(4);
  });

  const failures: Record<string, (fail$: Observable<never>) => Partial<ServerOptions>> = {
    shutdown$: (fail$) => ({ shutdown$: fail$ }),
    connections$: (fail$) => ({ connections$: fail$ }),
    reload$: (reload$) => ({ reload$, accounts: accountsFile(account('bob', 'x')), guests: true }),
  };

  it.each(Object.entries(failures))('begins a drain where it is %s', async (_what, options) => {
    const fail$ = new Subject<never>();
    const server = await Server.start(options(fail$));
    const alice = await server.login('alice');
    alice.send(`alice: ${'x'.repeat(1000)}\n`.repeat(10_000));
    await alice.settled();
    fail$.error(bug);
    expect(await alice.whole()).toContain('* closing shutdown: accepted 10000, delivered 10000\n');
    alice.end();
    const { report } = await server.told('drained');
    expect(report).toMatchObject({ sessions: 1, ...NOTHING_LOST });
    await until(() => server.failure !== undefined, 'the failure');
    expect(server.failure).toBe(bug);
  });

  it('may be a connection that is none', async () => {
    const server = new Server({ connections$: of('no stream' as unknown as Connection) });
    await until(() => server.failure !== undefined, 'the failure');
    expect(server.failure).toEqual(new TypeError('a connection is a Duplex stream'));
    expect(server.all('drained')).toHaveLength(1);
  });

  it('is reported as RxJS reports it where it is an observer, and the server goes on', async () => {
    const reported: unknown[] = [];
    config.onUnhandledError = (failure) => reported.push(failure);
    let port = 0;
    const shutdown$ = new Subject<void>();
    let completed = false;
    chatServer({ port: 0, shutdown$ }).subscribe({
      next: (event) => {
        if (event.type === 'listening') port = event.port ?? 0;
        throw bug;
      },
      complete: () => (completed = true),
    });
    await until(() => port > 0, 'the server to listen');
    const alice = await Peer.login(port, 'alice');
    peers.push(alice);
    alice.send('alice: hello\n');
    await alice.heard('from alice: hello\n');
    shutdown$.next();
    alice.end();
    await until(() => completed, 'the end');
    await until(() => reported.length >= 5, 'the reports');
    expect(new Set(reported)).toEqual(new Set([bug]));
  });

  it('may leave at any event', async () => {
    const connections$ = bot('idler', () => NEVER);
    for (const count of [1, 2]) {
      let completed = false;
      chatServer({ port: 0, connections$ })
        .pipe(take(count))
        .subscribe({ complete: () => (completed = true) });
      await until(() => completed, 'so many events');
    }
  });
});

describe('a meter', () => {
  it('counts for one server at a time', async () => {
    const meter = new Meter();
    const first = await Server.start({ meter });
    const second = new Server({ meter });
    expect(second.failure).toEqual(new RangeError('a meter counts for one server at a time'));
    first.unsubscribe();
    await Server.start({ meter });
  });
});
