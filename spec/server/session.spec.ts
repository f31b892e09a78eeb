import { Subject, of } from 'rxjs';
import { OptionError, type ServerOptions, chatServer } from '../../lib/index.ts';
import type { Peer } from '../support/peer.ts';
import { expectTurnedAway } from '../support/refusals.ts';
import { Server, stopServers } from '../support/server.ts';
import { until } from '../support/until.ts';

afterEach(stopServers);

/** So much that the kernel cannot hold it for a peer that does not read: some of it waits in the server. */
const FLOOD = { count: 4000, payload: 'x'.repeat(4000) };

/** With a line to `witness`, if given, now and then. */
function flood(to: string, witness?: string): string {
  let input = '';
  for (let n = 1; n <= FLOOD.count; n += 1) {
    input += `${to}: ${n} ${FLOOD.payload}\n`;
    if (witness !== undefined && n % 50 === 0) input += `${witness}: ${n}\n`;
  }
  return input;
}

/** Resolves when a flood has begun of which `witness` hears, and then its sender is held. */
async function held(witness: Peer): Promise<void> {
  await witness.heard(': 50\n');
  let before: number;
  do {
    before = fromLines(witness).length;
    for (let round = 0; round < 5; round += 1) await witness.settled();
  } while (fromLines(witness).length > before);
  expect(before).toBeLessThan(FLOOD.count / 50);
}

/**
 * Of the lines that came from `name`, whether they are the first ones of a flood, none changed and none
 * missing.
 */
function isFlood(lines: readonly string[], name: string): boolean {
  return lines.every((line, index) => line === `from ${name}: ${index + 1} ${FLOOD.payload}`);
}

const fromLines = (peer: Peer) => peer.lines.filter((line) => line.startsWith('from '));

/**
 * Alice does not read, bob floods her until he is held, and carol, who hears of it, reads on. Resolves when
 * he is held.
 */
async function flooded() {
  const server = await Server.start();
  const [alice, carol, bob] = await server.logins('alice', 'carol', 'bob');
  alice.socket.pause();
  bob.send(flood('alice', 'carol'));
  await held(carol);
  return { server, alice, bob, carol };
}

/** How many messages to `name` its sender was told that they missed it. */
function missed(sender: Peer, name: string): number {
  return sender.lines.filter((line) => line.startsWith(`! not-connected ${name}: `)).length;
}

/** Resolves when `asker` hears that just `names` are here. */
async function whoIsHere(asker: Peer, names: readonly string[]): Promise<void> {
  const answer = `* who ${names.length}: ${names.join(', ')}\n`;
  await until(() => {
    asker.send('/who\n');
    return asker.text.endsWith(answer);
  }, answer);
}

describe('a connection that does not log in', () => {
  it('is closed when its time is up, and nobody else is', async () => {
    const server = await Server.start({ loginTimeout: 1500 });
    const alice = await server.login('alice');
    const silent = server.connect();
    await expectTurnedAway(server, silent, 'login-timeout');
    silent.end();
    expect(await server.told('left')).toMatchObject({ name: undefined, reason: 'login-timeout' });
    await alice.settled();
    expect(server.all('left')).toHaveLength(1);
  });

  it('gains no time by names that are refused, nor by a line that it does not finish', async () => {
    const server = await Server.start({ loginTimeout: 1500 });
    const [refused, unfinished] = [server.connect(), server.connect()];
    refused.send('a,b\n');
    unfinished.send('alice');
    expect((await refused.whole()).split('\n')).toEqual([
      expect.stringMatching(/^! name-invalid a,b: /),
      expect.stringMatching(/^! login-timeout: /),
      '* closing login-timeout: accepted 0, delivered 0',
      '',
    ]);
    expect(await unfinished.whole()).toMatch(/^! login-timeout: /);
    expect(server.all('joined')).toEqual([]);
  });

  it('cannot log in after that', async () => {
    const server = await Server.start({ loginTimeout: 1500 });
    const late = server.connect();
    const farewell = await late.whole();
    late.send('alice\n/ping\n');
    late.end();
    await until(() => late.closed, 'the connection to close');
    expect(late.text).toBe(farewell);
    expect(server.all('joined')).toEqual([]);
  });
});

describe('a full server', () => {
  it('refuses a connection at the door, until somebody has left', async () => {
    const server = await Server.start({ maxConnections: 2 });
    const alice = await server.login('alice');
    // One that has no name takes a place too.
    const nameless = server.connect();
    await until(() => nameless.address !== '', 'a connection');
    const third = server.connect();
    third.send('carol\n');
    await expectTurnedAway(server, third, 'server-full');

    nameless.end();
    await nameless.whole();
    // Neither the one that has left nor the one that was refused takes a place, though they have not hung up
    // yet.
    const fourth = server.connect();
    fourth.send('dave\n');
    await fourth.heard('* welcome dave\n');
    await alice.settled();
    expect(server.all('joined').map(({ name }) => name)).toEqual(['alice', 'dave']);
  });
});

describe('an address', () => {
  it('has as many connections as one may have, and can have another when one has ended', async () => {
    const server = await Server.start({ maxConnectionsPerAddress: 2 });
    const [alice, bob] = await server.logins('alice', 'bob');
    const third = server.connect();
    third.send('carol\n');
    await expectTurnedAway(server, third, 'too-many-connections');
    await bob.quit();
    expect(await server.converse('carol\n')).toMatch(/^\* welcome carol\n/);
    await alice.settled();
  });
});

describe('a session that says nothing', () => {
  it('is closed after the idle time, and what it is sent does not count', async () => {
    const server = await Server.start({ idleTimeout: 2000 });
    const [bob, silent] = await server.logins('bob', 'silent');
    // He is heard all the while, and so stays.
    await until(() => {
      bob.send('silent: are you there?\n');
      return silent.ended;
    }, 'the silent one to be closed');
    expect(silent.lines.at(-1)).toBe(`* closing idle: accepted 0, delivered ${fromLines(silent).length}`);
    silent.end();
    expect(await server.told('left')).toMatchObject({ name: 'silent', reason: 'idle', abandoned: 0 });
    await bob.settled();
  });
});

describe('a session that says too much', () => {
  it('is slowed down to its rate, and loses nothing', async () => {
    const server = await Server.start({ maxRate: 200 });
    const alice = await server.login('alice');
    const begun = performance.now();
    for (let n = 1; n <= 300; n += 1) alice.send(`alice: ${n}\n`);
    await alice.heard('from alice: 300\n');
    alice.send('alice: 301\n/quit\n');
    await alice.whole();
    // A second's worth is free: 100 lines at 200 a second are left to wait for.
    expect(performance.now() - begun).toBeGreaterThan(450);
    expect(fromLines(alice)).toEqual(Array.from({ length: 301 }, (_, index) => `from alice: ${index + 1}`));
  });
});

describe('the half-close of a peer', () => {
  it('lets it read all that is pending before the closing line', async () => {
    const { alice, bob, carol } = await flooded();
    alice.send('carol: my last words\n');
    alice.end();
    await carol.heard('from alice: my last words\n');
    await whoIsHere(carol, ['carol', 'bob']);
    alice.socket.resume();
    bob.send('/quit\n');

    await alice.whole();
    await bob.whole();
    const got = fromLines(alice);
    expect(got.length).toBeGreaterThan(0);
    expect(isFlood(got, 'bob')).toBe(true);
    expect(alice.lines).toEqual([
      '* welcome alice',
      ...got,
      `* closing eof: accepted 1, delivered ${got.length}`,
    ]);
    expect(got.length + missed(bob, 'alice')).toBe(FLOOD.count);
  });

  it('ends its session at once, and with it its name', async () => {
    const server = await Server.start({ lingerTimeout: 60_000 });
    const [alice, bob] = await server.logins('alice', 'bob');
    alice.end();
    expect(await alice.whole()).toBe('* welcome alice\n* closing eof: accepted 0, delivered 0\n');
    bob.send('/who\n');
    await bob.heard('* who 1: bob\n');
  });
});

describe('a reset', () => {
  it('frees the name at once and touches nobody else', async () => {
    const server = await Server.start({ lingerTimeout: 60_000, drainTimeout: 60_000 });
    const [alice, bob, carol] = await server.logins('alice', 'bob', 'carol');
    bob.send('alice: hi\n');
    await alice.heard('from bob: hi\n');
    alice.reset();
    await until(() => alice.closed, 'the reset');
    await bob.settled();
    const again = server.connect();
    again.send('alice\nbob, carol: back\n');
    await bob.heard('from alice: back\n');
    bob.send('alice: good\n');
    await again.heard('from bob: good\n');
    await carol.settled();
    expect(again.text).toBe('* welcome alice\nfrom bob: good\n');
    expect(carol.lines.slice(0, -1)).toEqual(['* welcome carol', 'from alice: back']);
    expect(server.all('left')).toEqual([
      expect.objectContaining({ name: 'alice', reason: 'reset', accepted: 0, delivered: 1, abandoned: 0 }),
    ]);
    expect(server.failure).toBeUndefined();
  });

  it('of a peer with a backlog is told with what was abandoned, and its sender goes on', async () => {
    const { server, alice, bob, carol } = await flooded();
    alice.reset();
    await carol.heard(`from bob: ${FLOOD.count}\n`);
    const left = await server.told('left', ({ name }) => name === 'alice');
    expect(left.reason).toBe('reset');
    expect(left.abandoned).toBeGreaterThan(0);
    await bob.settled();
    expect(left.delivered + left.abandoned + missed(bob, 'alice')).toBe(FLOOD.count);
  });
});

describe('a peer that does not read', () => {
  it('is cut off when it takes nothing for too long, and everybody else gets everything', async () => {
    const server = await Server.start({ writeTimeout: 1000, lingerTimeout: 100 });
    const [slow, carol, alice] = await server.logins('slow', 'carol', 'alice');
    slow.socket.pause();
    alice.send(`${flood('slow, carol, alice')}/quit\n`);
    await alice.whole();
    await carol.quit();

    const left = await server.told('left', ({ name }) => name === 'slow');
    expect(left.reason).toBe('slow-consumer');
    expect(left.abandoned).toBeGreaterThan(0);
    expect(missed(alice, 'slow')).toBeGreaterThan(0);
    expect(left.delivered + left.abandoned + missed(alice, 'slow')).toBe(FLOOD.count);
    for (const peer of [alice, carol]) {
      expect(fromLines(peer)).toHaveLength(FLOOD.count);
      expect(isFlood(fromLines(peer), 'alice')).toBe(true);
    }
    expect(alice.lines.at(-1)).toBe(`* closing quit: accepted ${FLOOD.count}, delivered ${FLOOD.count}`);
    expect(server.all('left').filter(({ abandoned }) => abandoned > 0)).toHaveLength(1);
    slow.socket.resume();
    await slow.whole();
  });

  it('is cut off when too much waits for it, and everybody else gets everything', async () => {
    const server = await Server.start({
      maxPending: 32 * 1024,
      writeTimeout: 60_000,
      lingerTimeout: 100,
    });
    const [slow, carol] = await server.logins('slow', 'carol');
    slow.socket.pause();
    const senders = await Promise.all(Array.from({ length: 24 }, (_, index) => server.login(`s${index}`)));
    const each = 120;
    const began = performance.now();
    for (const sender of senders) {
      sender.send('carol: begun\n' + `slow: ${FLOOD.payload}\n`.repeat(each) + 'carol: done\n/quit\n');
    }
    await Promise.all(senders.map((sender) => sender.whole()));
    await carol.quit();

    const left = await server.told('left', ({ name }) => name === 'slow');
    expect(left.reason).toBe('slow-consumer');
    // Long before the time-out, which would have done it too.
    expect(performance.now() - began).toBeLessThan(60_000);
    expect(left.abandoned).toBeGreaterThan(0);
    const unheard = senders.reduce((sum, sender) => sum + missed(sender, 'slow'), 0);
    expect(left.delivered + left.abandoned + unheard).toBe(senders.length * each);
    for (const sender of senders) {
      expect(sender.lines.at(-1)).toBe(`* closing quit: accepted ${each + 2}, delivered 0`);
    }
    const expected = senders.flatMap((_, index) => [`from s${index}: begun`, `from s${index}: done`]);
    expect(fromLines(carol).sort()).toEqual(expected.sort());
    expect(carol.lines.at(-1)).toBe(`* closing quit: accepted 0, delivered ${2 * senders.length}`);
  });

  it('is another than one that many write to at once: who reads is not cut off for a burst', async () => {
    const server = await Server.start({ maxPending: 512 * 1024 });
    const reader = await server.login('reader');
    const each = 50;
    const senders = await Promise.all(Array.from({ length: 40 }, (_, index) => server.login(`s${index}`)));
    for (const sender of senders) sender.send(`${`reader: ${FLOOD.payload}\n`.repeat(each)}/quit\n`);
    await Promise.all(senders.map((sender) => sender.whole()));
    reader.send('/quit\n');
    const delivered = senders.length * each;
    expect((await reader.whole()).endsWith(`* closing quit: accepted 0, delivered ${delivered}\n`)).toBe(
      true,
    );
    expect(fromLines(reader)).toHaveLength(delivered);
  });

  it('slows down its senders alone, and gets everything if it reads in time', async () => {
    const { server, alice, carol } = await flooded();
    const dave = await server.login('dave');
    dave.send('carol: in between\n');
    await carol.heard('from dave: in between\n');
    alice.socket.resume();
    await carol.heard(`from bob: ${FLOOD.count}\n`);
    await alice.quit();
    expect(fromLines(alice)).toHaveLength(FLOOD.count);
    expect(isFlood(fromLines(alice), 'bob')).toBe(true);
    expect(alice.lines.at(-1)).toBe(`* closing quit: accepted 0, delivered ${FLOOD.count}`);
  });

  it('hears why, if it reads again before it is hung up on', async () => {
    const server = await Server.start({ writeTimeout: 1000, lingerTimeout: 60_000 });
    const [slow, carol, alice] = await server.logins('slow', 'carol', 'alice');
    slow.socket.pause();
    alice.send(`${flood('slow')}carol: done\n`);
    await carol.heard('from alice: done\n');
    slow.socket.resume();
    await slow.whole();
    expect(isFlood(fromLines(slow), 'alice')).toBe(true);
    const got = fromLines(slow).length;
    expect(slow.lines.slice(-2)).toEqual([
      expect.stringMatching(/^! slow-consumer: \S/),
      `* closing slow-consumer: accepted 0, delivered ${got}`,
    ]);
    slow.end();
    const left = await server.told('left');
    expect(left).toMatchObject({ name: 'slow', reason: 'slow-consumer', delivered: got });
    expect(left.abandoned).toBeGreaterThan(0);
  });
});

describe('what the operator is told', () => {
  it('is in order', async () => {
    const shutdown$ = new Subject<string>();
    const server = await Server.start({ shutdown$, drainTimeout: 7000 });
    const alice = await server.login('alice');
    const other = server.connect();
    other.send('alice\n');
    await other.heard('! name-taken');
    other.send('a\x1b,b\n');
    await other.heard('! name-invalid');
    other.send('bob\nalice: hi\n');
    await alice.heard('from bob: hi\n');
    await other.quit();
    other.end();
    await server.told('left');
    shutdown$.next('now');
    await alice.whole();
    alice.end();
    await server.drained();

    const left = { type: 'left', abandoned: 0 };
    expect(server.events).toEqual([
      expect.objectContaining({ type: 'listening', address: '127.0.0.1', port: server.port }),
      { type: 'joined', name: 'alice', remote: alice.address },
      { type: 'refused', code: 'name-taken', name: 'alice', remote: other.address },
      { type: 'refused', code: 'name-invalid', name: undefined, remote: other.address },
      { type: 'joined', name: 'bob', remote: other.address },
      { ...left, name: 'bob', remote: other.address, reason: 'quit', accepted: 1, delivered: 0 },
      { type: 'draining', sessions: 1, deadline: 7000 },
      { ...left, name: 'alice', remote: alice.address, reason: 'shutdown', accepted: 0, delivered: 1 },
      {
        type: 'drained',
        report: {
          sessions: 1,
          delivered: 0,
          abandoned: 0,
          losses: [],
          milliseconds: expect.any(Number) as number,
        },
      },
    ]);
  });
});

describe('unsubscribing', () => {
  it('closes every connection and the port at once', async () => {
    const server = await Server.start({ lingerTimeout: 60_000, drainTimeout: 60_000 });
    const alice = await server.login('alice');
    const nameless = server.connect();
    const leaving = await server.login('bob');
    await leaving.quit();
    const { port } = server;
    server.unsubscribe();
    for (const peer of [alice, nameless, leaving]) {
      await peer.whole();
      // A connection that only lingers would take this, and stay.
      await until(() => {
        peer.send('late\n');
        return peer.closed;
      }, 'the connection to close');
    }
    expect(alice.text).toBe('* welcome alice\n');
    const next = await Server.start({ port });
    expect(next.port).toBe(port);
    expect(await next.converse('alice\n')).toMatch(/^\* welcome alice\n/);
    expect(server.completed).toBe(false);
    expect(server.failure).toBeUndefined();
  });

  it('at once after subscribing leaves nothing that listens', async () => {
    const first = await Server.start();
    const { port } = first;
    first.unsubscribe();
    chatServer({ port }).subscribe().unsubscribe();
    expect((await Server.start({ port })).port).toBe(port);
  });

  it('leaves another subscription of the same server alone', async () => {
    const server$ = chatServer({ port: 0 });
    const ports: number[] = [];
    const subscriptions = [0, 1].map(() =>
      server$.subscribe((event) => {
        if (event.type === 'listening') ports.push(event.port ?? 0);
      }),
    );
    await until(() => ports.length === 2, 'two servers to listen');
    expect(new Set(ports).size).toBe(2);
    for (const subscription of subscriptions) subscription.unsubscribe();
  });
});

describe('a server that cannot start', () => {
  it('fails with the error of the system where the port is taken', async () => {
    const { port } = await Server.start();
    const second = new Server({ port });
    await until(() => second.failure !== undefined, 'a failure');
    expect(second.failure).toMatchObject({ code: 'EADDRINUSE', syscall: 'listen', port });
    expect(second.events).toEqual([]);
    expect(second.completed).toBe(false);
  });

  it.each([
    [{ port: -1 }, 'port'],
    [{ port: 65536 }, 'port'],
    [{ port: 1.5 }, 'port'],
    [{ host: '' }, 'host'],
    [{ maxLine: 0 }, 'maxLine'],
    [{ maxConnections: 0 }, 'maxConnections'],
    [{ maxPending: Number.NaN }, 'maxPending'],
    [{ loginTimeout: -1 }, 'loginTimeout'],
    [{ drainTimeout: Number.POSITIVE_INFINITY }, 'drainTimeout'],
    [{ plain: 'yes' as unknown as boolean }, 'plain'],
  ])('fails with an error that names the option: %j', (options, key) => {
    const server = new Server(options);
    expect(server.failure).toBeInstanceOf(OptionError);
    expect(server.failure).toMatchObject({
      name: 'OptionError',
      message: expect.stringMatching(`^${key} must be .*, not '`) as string,
    });
    expect(server.events).toEqual([]);
  });

  it('names all that is wrong at once', () => {
    const server = new Server({ port: -1, maxLine: 0, prot: 1 } as Partial<ServerOptions>);
    expect(server.failure).toMatchObject({
      mistakes: [
        'prot is no option',
        "port must be a whole number from 0 to 65535, not '-1'",
        "maxLine must be a whole number from 1 to 268435456, not '0'",
      ],
    });
  });
});

describe('a shutdown', () => {
  it('begins with the first value of an Observable', async () => {
    const shutdown$ = new Subject<number>();
    const server = await Server.start({ shutdown$ });
    const alice = await server.login('alice');
    const nameless = server.connect();
    await alice.settled();
    shutdown$.next(1);
    expect(await alice.whole()).toMatch(/\n\* closing shutdown: accepted 0, delivered 0\n$/);
    expect(await nameless.whole()).toBe('* closing shutdown: accepted 0, delivered 0\n');
    alice.end();
    nameless.end();
    await server.drained();
    expect((await Server.start({ port: server.port })).port).toBe(server.port);
  });

  it('begins with the abort of an AbortSignal', async () => {
    const controller = new AbortController();
    const server = await Server.start({ shutdown$: controller.signal });
    const alice = await server.login('alice');
    controller.abort();
    expect(await alice.whole()).toBe('* welcome alice\n* closing shutdown: accepted 0, delivered 0\n');
    alice.end();
    await server.drained();
    expect(server.all('drained')).toMatchObject([{ report: { sessions: 1, abandoned: 0 } }]);
  });

  it.each([
    ['an AbortSignal that is aborted already', () => AbortSignal.abort()],
    ['an Observable that has its value already', () => of('now')],
  ])('begins at once with %s', async (_what, signal) => {
    const free = await Server.start();
    const { port } = free;
    free.unsubscribe();
    const server = new Server({ port, shutdown$: signal() });
    await server.drained();
    expect(server.all('drained')).toMatchObject([{ report: { sessions: 0, abandoned: 0 } }]);
    expect(server.failure).toBeUndefined();
    expect((await Server.start({ port })).port).toBe(port);
  });

  it('does not begin with an Observable that ends without a value', async () => {
    const shutdown$ = new Subject<never>();
    const server = await Server.start({ shutdown$ });
    const alice = await server.login('alice');
    shutdown$.complete();
    await alice.settled();
    expect(alice.ended).toBe(false);
    expect(server.all('draining')).toEqual([]);
  });
});
