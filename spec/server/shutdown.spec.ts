import { Socket } from 'node:net';
import { Subject } from 'rxjs';
import { chatServer } from '../../lib/server.ts';
import { oneOfMany } from '../../lib/shutdown.ts';
import { Peer } from '../support/peer.ts';
import { Program } from '../support/program.ts';
import { until } from '../support/until.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGQUIT'] as const;

/** Exit codes of a drain that was cut short. */
const CODES = { SIGINT: 130, SIGTERM: 143, SIGQUIT: 131 };

/** A peer that hangs up late is waited for this long, in seconds: netcat holds its side open. */
const LINGER = 0.15;

/**
 * ms that a loaded machine may add to what the program itself takes; what it does not wait for takes a
 * minute.
 */
const SLACK = 20_000;

/**
 * More than the kernel takes for a connection that nobody reads from, so that most of it waits in the server.
 */
const MANY = 20_000;
const WIDE = 1000;
/** Lets a sender write all of that without being held. */
const ROOMY = ['--max-pending', String(2 ** 32)];

const peers: Peer[] = [];

function track(peer: Peer): Peer {
  peers.push(peer);
  return peer;
}

/** One that waits longer than a slow machine may need, unless the test is about how long. */
async function serve(...args: string[]) {
  const patient = ['--drain-timeout', '60', '--write-timeout', '60'];
  return Program.serve('--linger-timeout', String(LINGER), ...patient, ...args);
}

async function login(port: number, name: string): Promise<Peer> {
  const peer = track(new Peer(port));
  peer.send(`${name}\n`);
  await peer.heard(`* welcome ${name}\n`);
  return peer;
}

/** A peer that is logged in and does not read. */
async function deafPeer(port: number, name: string): Promise<Peer> {
  const peer = await login(port, name);
  peer.socket.pause();
  return peer;
}

/** `count` message lines to `to`, numbered from 1, of about `width` bytes each. */
function numbered(to: string, count: number, width = 0): string {
  const padding = 'x'.repeat(width);
  return Array.from({ length: count }, (_, index) => `${to}: ${index + 1} ${padding}\n`).join('');
}

/** Sends, and resolves when the server has taken all of it. */
async function deliverTo(sender: Peer, text: string): Promise<void> {
  sender.send(`${text}/ping taken\n`);
  await sender.heard('* pong taken\n');
}

/** Asks until `name` is no longer here: the server notices that somebody left in its own time. */
async function nameIsFree(asker: Peer, name: string): Promise<void> {
  for (let ask = 1; ; ask += 1) {
    asker.send(`/who\n/ping ${ask}\n`);
    await asker.heard(`* pong ${ask}\n`);
    if (!asker.lines.at(-2)?.includes(name)) return;
  }
}

/** Fails unless the numbers that `sender` sent are 1, 2, 3 ... in this text; returns how many there are. */
function inOrder(text: string, sender: string): number {
  const numbers = Array.from(text.matchAll(new RegExp(`^from ${sender}: (\\d+)`, 'gm')), ([, n]) =>
    Number(n),
  );
  expect(numbers.findIndex((number, index) => number !== index + 1)).toBe(-1);
  return numbers.length;
}

/** The counts of the closing line, which must be the last. */
function lastWords(text: string): { reason: string; accepted: number; delivered: number } {
  const [, reason = '', accepted, delivered] =
    /\n\* closing (\S+): accepted (\d+), delivered (\d+)\n$/.exec(`\n${text}`) ?? [];
  return { reason, accepted: Number(accepted), delivered: Number(delivered) };
}

/** ms from a signal until the program has ended. */
async function timeToExit(program: Program, signal: NodeJS.Signals): Promise<number> {
  const began = performance.now();
  program.signal(signal);
  await program.exit();
  return performance.now() - began;
}

/** Signals until that is no longer taken for the one that came before, and so ends the program at once. */
async function cutShort(program: Program, signal: NodeJS.Signals): Promise<void> {
  const signalled = () => {
    program.signal(signal);
    return program.result !== undefined;
  };
  await until(signalled, 'the program to end');
}

afterEach(async () => {
  for (const peer of peers.splice(0)) peer.socket.destroy();
  await Program.stopAll();
});

describe.each([...SIGNALS, 'SIGHUP'] as const)('%s', (signal) => {
  test('delivers, says how far it came, and exits with 0', async () => {
    const server = await serve();
    const alice = await login(server.port, 'alice');
    const bob = await login(server.port, 'bob');
    await deliverTo(alice, numbered('bob', 3));
    await deliverTo(bob, numbered('alice, bob', 2));
    await alice.heard('from bob: 2\n');

    server.signal(signal);

    expect(await alice.whole()).toBe(
      '* welcome alice\n* pong taken\nfrom bob: 1\nfrom bob: 2\n* closing shutdown: accepted 3, delivered 2\n',
    );
    expect(lastWords(await bob.whole())).toEqual({ reason: 'shutdown', accepted: 2, delivered: 5 });
    expect(await server.exit()).toBe(0);
    expect(server.stderr).toBe('');
  });

  test('ends a server that nobody is connected to at once, with 0', async () => {
    const server = await serve('--linger-timeout', '60');
    expect(await timeToExit(server, signal)).toBeLessThan(SLACK);
    expect(server.result).toBe(0);
    expect(server.log.map(({ event }) => event)).toEqual(['listening', 'draining', 'drained']);
  });

  test('ends connections without a name, with half a name and with half a line', async () => {
    const server = await serve();
    const silent = track(new Peer(server.port));
    const halfName = track(new Peer(server.port));
    halfName.send('car');
    const bob = await login(server.port, 'bob');
    const alice = await login(server.port, 'alice');
    // The answer comes from the chunk that brought the half line too, so the server has it when the signal
    // comes.
    alice.send('/ping\nbob: half a li');
    await alice.heard('* pong\n');
    const nobody = '* closing shutdown: accepted 0, delivered 0\n';

    expect(await timeToExit(server, signal)).toBeLessThan(LINGER * 1000 + SLACK);
    expect(server.result).toBe(0);
    expect(await silent.whole()).toBe(nobody);
    expect(await halfName.whole()).toBe(nobody);
    expect(await bob.whole()).toBe(`* welcome bob\n${nobody}`);
    expect(await alice.whole()).toBe(`* welcome alice\n* pong\n${nobody}`);
  });

  test('waits for a slow reader with 100,000 pending messages that types late lines', async () => {
    const server = await serve(...ROOMY);
    const slow = await deafPeer(server.port, 'slow');
    const sender = await login(server.port, 'sender');
    await deliverTo(sender, numbered('slow', 100_000, 170));

    server.signal(signal);
    await server.logged('draining');
    // On and on, so that there is unread input whenever the server closes: that is what turns a close into a
    // reset.
    slow.socket.on('data', () => {
      slow.send(numbered('sender', 20, 50));
    });
    slow.socket.resume();

    const heard = await slow.whole();
    slow.end();
    expect(inOrder(heard, 'sender')).toBe(100_000);
    expect(lastWords(heard)).toEqual({ reason: 'shutdown', accepted: 0, delivered: 100_000 });
    expect(await sender.whole()).toBe(
      '* welcome sender\n* pong taken\n* closing shutdown: accepted 100000, delivered 0\n',
    );
    expect(await server.exit()).toBe(0);
    expect(slow.error).toBeUndefined();
  });

  test('cuts off at the deadline who never reads, says so, and exits with 1; everybody else gets all', async () => {
    const server = await serve('--drain-timeout', '0.6', ...ROOMY);
    const deaf = await deafPeer(server.port, 'deaf');
    const reader = await login(server.port, 'reader');
    const sender = await login(server.port, 'sender');
    await deliverTo(sender, numbered('deaf, reader', MANY, WIDE));
    // All but the last of it, so that there is time for that.
    await until(() => reader.socket.bytesRead > MANY * WIDE, 'the reader to read');

    const took = await timeToExit(server, signal);

    expect(server.result).toBe(1);
    expect(took).toBeGreaterThan(550);
    expect(took).toBeLessThan(600 + SLACK);
    const heard = await reader.whole();
    expect(inOrder(heard, 'sender')).toBe(MANY);
    expect(lastWords(heard)).toEqual({ reason: 'shutdown', accepted: 0, delivered: MANY });
    expect(lastWords(await sender.whole())).toEqual({ reason: 'shutdown', accepted: MANY, delivered: 0 });

    const left = await server.logged('left', ({ name }) => name === 'deaf');
    const abandoned = MANY - Number(left.delivered);
    expect(abandoned).toBeGreaterThan(0);
    expect(left).toMatchObject({ abandoned });
    expect(await server.logged('drained')).toMatchObject({
      abandoned,
      losses: [{ name: 'deaf', abandoned }],
    });
    expect(deaf.ended).toBe(false);
  });

  test.each(SIGNALS)('is cut short by a second signal, %s', async (second) => {
    const server = await serve(...ROOMY);
    await deafPeer(server.port, 'deaf');
    const sender = await login(server.port, 'sender');
    await deliverTo(sender, numbered('deaf', MANY, WIDE));

    server.signal(signal);
    await sender.whole();
    expect(server.result).toBeUndefined();
    await cutShort(server, second);

    expect(server.result).toBe(CODES[second]);
    const { delivered } = await server.logged('left', ({ name }) => name === 'deaf');
    const abandoned = MANY - Number(delivered);
    expect(abandoned).toBeGreaterThan(0);
    expect(await server.logged('drained')).toMatchObject({
      abandoned,
      losses: [{ name: 'deaf', abandoned }],
    });
  });
});

describe('signals that come close together', () => {
  test('are one until half a second after the first, and until what came meanwhile is heard', () => {
    jest.useFakeTimers();
    try {
      const signal$ = new Subject<string>();
      const heard: string[] = [];
      signal$.pipe(oneOfMany()).subscribe((signal) => heard.push(signal));
      signal$.next('first');
      // As the event loop does after it was busy: what is due, and only then what came in.
      setTimeout(() => {
        signal$.next('close too');
      }, 500);
      jest.advanceTimersByTime(499);
      signal$.next('close');
      jest.advanceTimersByTime(1);
      expect(heard).toEqual(['first']);
      jest.advanceTimersByTime(1);
      signal$.next('second');
      expect(heard).toEqual(['first', 'second']);
    } finally {
      jest.useRealTimers();
    }
  });

  test.each([
    ['SIGTERM', 'SIGTERM'],
    ['SIGINT', 'SIGTERM'],
    ['SIGHUP', 'SIGTERM'],
    ['SIGTERM', 'SIGQUIT'],
    ['SIGINT', 'SIGINT'],
  ] as const)('are one: %s and %s abandon nothing', async (first, second) => {
    const server = await serve('--drain-timeout', '60', '--write-timeout', '60', ...ROOMY);
    const slow = await deafPeer(server.port, 'slow');
    const sender = await login(server.port, 'sender');
    await deliverTo(sender, numbered('slow', MANY, WIDE));

    server.signal(first);
    // Or the system would make one of them itself.
    await server.logged('draining');
    server.signal(second);
    await sender.whole();
    slow.socket.resume();

    const heard = await slow.whole();
    expect(inOrder(heard, 'sender')).toBe(MANY);
    slow.end();
    sender.end();
    expect(await server.exit()).toBe(0);
    expect(await server.logged('drained')).toMatchObject({ abandoned: 0, losses: [] });
  });
});

describe('a drain', () => {
  test('is not cut short by SIGHUP, which a terminal that closes may send twice', async () => {
    const server = await serve('--linger-timeout', '60');
    const netcat = await login(server.port, 'netcat');
    server.signal('SIGHUP');
    await netcat.whole();
    server.signal('SIGHUP');
    netcat.send('a late line\n');
    netcat.end();
    expect(await server.exit()).toBe(0);
    expect(await server.logged('left')).toMatchObject({ name: 'netcat', reason: 'shutdown' });
  });

  test('that only waits for peers to hang up is cut short by a second signal too', async () => {
    const server = await serve('--linger-timeout', '60');
    const netcat = await login(server.port, 'netcat');
    server.signal('SIGTERM');
    expect(lastWords(await netcat.whole()).reason).toBe('shutdown');
    await cutShort(server, 'SIGINT');
    expect(server.result).toBe(130);
    expect(await server.logged('drained')).toMatchObject({ sessions: 1, abandoned: 0, losses: [] });
  });

  test('is announced with the sessions and the deadline, and reported with its totals', async () => {
    const server = await serve('--drain-timeout', '7.5');
    const alice = await login(server.port, 'alice');
    await login(server.port, 'bob');
    track(new Peer(server.port));
    await deliverTo(alice, numbered('bob', 4));

    server.signal('SIGTERM');
    expect(await server.exit()).toBe(0);

    expect(await server.logged('draining')).toMatchObject({ sessions: 3, deadline: 7.5 });
    const drained = await server.logged('drained');
    // What was delivered before the drain is not the drain's.
    expect(drained).toMatchObject({ sessions: 3, delivered: 0, abandoned: 0, losses: [] });
    expect(drained.seconds).toBeGreaterThan(LINGER * 0.9);
    expect(drained.seconds).toBeLessThan(LINGER + SLACK / 1000);
    expect(server.log.at(-1)).toEqual(drained);
  });

  test('counts what it delivered', async () => {
    const server = await serve(...ROOMY);
    const slow = await deafPeer(server.port, 'slow');
    const sender = await login(server.port, 'sender');
    await deliverTo(sender, numbered('slow', MANY, WIDE));

    server.signal('SIGINT');
    await server.logged('draining');
    slow.socket.resume();
    expect(lastWords(await slow.whole()).delivered).toBe(MANY);
    await server.exit();

    const { delivered, abandoned } = await server.logged('drained');
    expect(abandoned).toBe(0);
    expect(delivered).toBeGreaterThan(0);
    expect(delivered).toBeLessThan(MANY);
  });

  test('names in the log who left, and with what', async () => {
    const server = await serve();
    const alice = await login(server.port, 'alice');
    await login(server.port, 'bob');
    track(new Peer(server.port));
    await deliverTo(alice, numbered('bob', 2));

    server.signal('SIGINT');
    await server.exit();

    const counts = (name: string | undefined) =>
      server.log.filter((l) => l.event === 'left' && l.name === name);
    expect(counts('alice')).toMatchObject([{ reason: 'shutdown', accepted: 2, delivered: 0, abandoned: 0 }]);
    expect(counts('bob')).toMatchObject([{ reason: 'shutdown', accepted: 0, delivered: 2, abandoned: 0 }]);
    expect(counts(undefined)).toMatchObject([
      { reason: 'shutdown', accepted: 0, delivered: 0, abandoned: 0 },
    ]);
  });

  test('refuses new connections', async () => {
    const server = await serve('--linger-timeout', '60');
    const alice = await login(server.port, 'alice');
    server.signal('SIGINT');
    // By its closing line the listener is closed; the log tells of the drain a moment before it begins.
    await alice.whole();

    const late = track(new Peer(server.port));
    await until(() => late.closed, 'the late connection to be refused');
    expect(late.error).toMatchObject({ code: 'ECONNREFUSED' });
    expect(server.result).toBeUndefined();

    alice.end();
    expect(await server.exit()).toBe(0);
  });

  test('takes nothing that is said after the signal', async () => {
    const server = await serve('--linger-timeout', '60');
    const bob = await login(server.port, 'bob');
    const alice = await login(server.port, 'alice');
    server.signal('SIGINT');
    await alice.whole();
    alice.send('bob: too late\n/who\n');
    alice.end();
    const heard = await bob.whole();
    bob.end();
    expect(await server.exit()).toBe(0);
    expect(heard).toBe('* welcome bob\n* closing shutdown: accepted 0, delivered 0\n');
    expect(alice.text).toBe('* welcome alice\n* closing shutdown: accepted 0, delivered 0\n');
  });

  test('delivers all to a peer that half-closed before it and reads slowly', async () => {
    const server = await serve(...ROOMY);
    const slow = await deafPeer(server.port, 'slow');
    const sender = await login(server.port, 'sender');
    await deliverTo(sender, numbered('slow', MANY, WIDE));
    slow.end();
    await nameIsFree(sender, 'slow');

    server.signal('SIGINT');
    expect(lastWords(await sender.whole())).toEqual({ reason: 'shutdown', accepted: MANY, delivered: 0 });
    slow.socket.resume();
    const heard = await slow.whole();
    expect(inOrder(heard, 'sender')).toBe(MANY);
    expect(lastWords(heard)).toEqual({ reason: 'eof', accepted: 0, delivered: MANY });
    expect(await server.exit()).toBe(0);
    expect(await server.logged('left', ({ name }) => name === 'slow')).toMatchObject({ abandoned: 0 });
  });

  test('does not wait for a netcat that never hangs up longer than it is told to linger', async () => {
    const server = await serve('--linger-timeout', '0.6');
    const netcat = await login(server.port, 'netcat');
    const took = await timeToExit(server, 'SIGINT');
    expect(took).toBeGreaterThan(500);
    expect(took).toBeLessThan(600 + SLACK);
    expect(server.result).toBe(0);
    expect(lastWords(await netcat.whole()).reason).toBe('shutdown');
  });

  test('does not wait for a peer that goes on talking longer than the deadline', async () => {
    const server = await serve('--linger-timeout', '1.5', '--drain-timeout', '2');
    const talker = await login(server.port, 'talker');
    const talk = setInterval(() => {
      talker.send('talker: and another thing\n');
    }, 50);
    try {
      const took = await timeToExit(server, 'SIGINT');
      // Longer than a silent peer would be waited for: its talk is read, so that no reset destroys its last
      // words.
      expect(took).toBeGreaterThan(1800);
      expect(took).toBeLessThan(2000 + SLACK);
      expect(server.result).toBe(0);
      expect(lastWords(talker.text).reason).toBe('shutdown');
    } finally {
      clearInterval(talk);
    }
  });

  test('of a peer that broke off with messages pending is not a success', async () => {
    const server = await serve(...ROOMY);
    const gone = await deafPeer(server.port, 'gone');
    const sender = await login(server.port, 'sender');
    await deliverTo(sender, numbered('gone', MANY, WIDE));
    server.signal('SIGINT');
    await sender.whole();
    gone.reset();

    expect(await server.exit()).toBe(1);
    const { delivered, abandoned } = await server.logged('left', ({ name }) => name === 'gone');
    expect(Number(delivered) + Number(abandoned)).toBe(MANY);
    expect(await server.logged('drained')).toMatchObject({
      abandoned,
      losses: [{ name: 'gone', abandoned }],
    });
  });

  test.each([
    ['with room', []],
    ['with senders that are held all the time', ['--max-pending', String(2 ** 21)]],
  ])('stops ten pairs that flood each other exactly where it says, %s', async (_, args) => {
    const server = await serve(...args);
    const names = Array.from({ length: 10 }, (__, pair) => [`left${pair}`, `right${pair}`] as const);
    const pairs = await Promise.all(
      names.map(async ([left, right]) => ({
        left: { name: left, peer: await login(server.port, left) },
        right: { name: right, peer: await login(server.port, right) },
      })),
    );
    const flood = (peer: Peer, to: string) => {
      let sent = 0;
      const more = () => {
        let block = '';
        do {
          for (let line = 0; line < 200; line += 1) block += `${to}: ${(sent += 1)}\n`;
        } while (block.length < 8192);
        // A turn of the loop for each block: twenty floods in one process would let nobody read.
        if (peer.socket.write(block)) setImmediate(next);
        else peer.socket.once('drain', next);
      };
      const next = () => {
        if (!peer.ended && !peer.socket.destroyed) more();
      };
      next();
    };
    for (const { left, right } of pairs) {
      flood(left.peer, right.name);
      flood(right.peer, left.name);
    }
    const everybody = pairs.flatMap(({ left, right }) => [left.peer, right.peer]);
    await until(() => everybody.every(({ socket }) => socket.bytesRead > 50_000), 'the flood to rise');

    server.signal('SIGINT');

    await Promise.all(everybody.map((peer) => peer.whole()));
    for (const { left, right } of pairs) {
      for (const [from, to] of [
        [left, right],
        [right, left],
      ] as const) {
        const received = inOrder(to.peer.text, from.name);
        expect(received).toBeGreaterThan(0);
        expect({
          accepted: lastWords(from.peer.text).accepted,
          delivered: lastWords(to.peer.text).delivered,
        }).toEqual({
          accepted: received,
          delivered: received,
        });
      }
    }
    expect(await server.exit()).toBe(0);
  });
});

describe('what the seed leaves open', () => {
  test('a reader at end of file ends its session at once, and its name is free', async () => {
    const server = await serve('--linger-timeout', '60');
    for (let time = 0; time < 3; time += 1) {
      const alice = await login(server.port, 'alice');
      alice.end();
      expect(await alice.whole()).toBe('* welcome alice\n* closing eof: accepted 0, delivered 0\n');
    }
    expect(server.log.filter(({ event }) => event === 'draining')).toEqual([]);
  });

  test('a second client with a taken name is told, may try another, and never speaks as the first', async () => {
    const server = await serve();
    const alice = await login(server.port, 'alice');
    const second = track(new Peer(server.port));
    second.send('alice\nalice: it is me\nzoe\nalice: it is zoe\n');
    await alice.heard('from zoe: it is zoe\n');
    expect(alice.text).toBe('* welcome alice\nfrom zoe: it is zoe\n');
    expect(second.lines).toEqual([
      expect.stringMatching(/^! name-taken alice: ./),
      expect.stringMatching(/^! name-invalid alice: it is me: ./),
      '* welcome zoe',
    ]);
    expect(await server.logged('refused')).toMatchObject({ code: 'name-taken', name: 'alice' });
  });

  test('a peer that does not read slows its sender down, then is cut off; nobody else notices', async () => {
    const maxPending = 2 ** 20;
    const server = await serve('--max-pending', String(maxPending), '--write-timeout', '2');
    await deafPeer(server.port, 'deaf');
    const sender = await login(server.port, 'sender');
    const other = await login(server.port, 'other');
    const total = 40_000;
    const began = performance.now();
    sender.send(`${numbered('deaf', total, WIDE)}/ping taken\n`);

    // Meanwhile others talk as ever.
    let roundTrips = 0;
    while (!server.log.some(({ event, name }) => event === 'left' && name === 'deaf')) {
      roundTrips += 1;
      other.send(`other: ${roundTrips}\n`);
      await other.heard(`from other: ${roundTrips}\n`);
    }
    expect(roundTrips).toBeGreaterThan(5);
    // Held, the sender did not overrun what may wait; it was the time that ran out.
    expect(performance.now() - began).toBeGreaterThan(1900);
    const { reason, delivered, abandoned } = await server.logged('left', ({ name }) => name === 'deaf');
    expect(reason).toBe('slow-consumer');
    expect(Number(abandoned)).toBeGreaterThan(0);
    // What the kernel had taken and the peer had not acknowledged counts too.
    expect(Number(abandoned) * WIDE).toBeLessThan(maxPending + 6 * 2 ** 20);

    // From there on the sender is told, line by line, and none of its lines is lost without a word.
    await sender.heard('* pong taken\n');
    const told = sender.lines.filter((line) => line.startsWith('! not-connected deaf: ')).length;
    expect(Number(delivered) + Number(abandoned) + told).toBe(total);
  });

  test('a burst of messages is not a burst of writes', async () => {
    const burst = 2000;
    const shutdown$ = new Subject<void>();
    let port = 0;
    let drained = false;
    chatServer({ port: 0, lingerTimeout: 100, shutdown$ }).subscribe({
      next: (event) => {
        if (event.type === 'listening') port = event.port ?? 0;
      },
      complete: () => (drained = true),
    });
    await until(() => port > 0, 'the server to listen');
    const write = jest.spyOn(Socket.prototype, 'write');
    try {
      const bob = await login(port, 'bob');
      const carol = await login(port, 'carol');
      const alice = await login(port, 'alice');
      // To and fro, so that no two lines in a row have the same way to go.
      const lines = Array.from({ length: burst }, (_, index) => `bob: ${index + 1}\ncarol: ${index + 1}\n`);
      await deliverTo(alice, lines.join(''));
      await bob.heard(`from alice: ${burst}\n`);
      await carol.heard(`from alice: ${burst}\n`);

      const carries = (chunk: unknown) => Buffer.isBuffer(chunk) && chunk.includes('from alice: ');
      const writes = write.mock.calls.filter(([chunk]) => carries(chunk)).length;
      expect(inOrder(carol.text, 'alice')).toBe(burst);
      expect(inOrder(bob.text, 'alice')).toBe(burst);
      expect(writes).toBeGreaterThan(0);
      expect(writes).toBeLessThan(burst / 100);
    } finally {
      write.mockRestore();
      shutdown$.next();
      await until(() => drained, 'the server to end');
    }
  });
});
