import { type AddressInfo, type Server, Socket, connect, createServer } from 'node:net';
import { PassThrough } from 'node:stream';
import { DISTANCE, look, unacknowledgedNow, vanished } from '../../lib/os/tcp-table.ts';
import { untaken } from '../../lib/os/write-queue.ts';
import { until } from '../support/until.ts';

/** More than the kernel holds for a connection that nobody reads from. */
const TOO_MUCH = 24 * 2 ** 20;

/** Where the server listens, and where its peer connects to. */
const WAYS = [
  ['IPv4', '127.0.0.1', '127.0.0.1'],
  ['IPv6', '::1', '::1'],
  ['IPv4 to a listener on ::', '::', '127.0.0.1'],
  ['IPv6 to a listener on ::', '::', '::1'],
] as const;

const servers: Server[] = [];
const sockets: Socket[] = [];

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const server of servers.splice(0)) server.close();
});

/** The server's ends of `count` connections, and their peers, which do not read. */
async function connections(
  listener: string,
  peer: string,
  count: number,
): Promise<{ here: Socket; there: Socket }[]> {
  const accepted: Socket[] = [];
  const server = createServer((socket) => {
    socket.on('error', () => {});
    sockets.push(socket);
    accepted.push(socket);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, listener, resolve));
  const { port } = server.address() as AddressInfo;
  const made: { here: Socket; there: Socket }[] = [];
  while (made.length < count) {
    const there = connect({ host: peer, port }).pause();
    sockets.push(there.on('error', () => {}));
    await until(() => accepted.length > made.length, 'a connection');
    const here = accepted.at(-1);
    if (here !== undefined) made.push({ here, there });
  }
  return made;
}

/** Asks until that many bytes are unacknowledged, which one reading tells as the other does. */
async function shows(socket: Socket, isRight: (bytes: number) => boolean): Promise<number> {
  const deadline = performance.now() + 60_000;
  for (;;) {
    const bytes = (await look([socket], DISTANCE.last)).rowOf(socket)?.unacknowledged;
    if (bytes !== undefined && isRight(bytes)) {
      const now = unacknowledgedNow(socket);
      if (now !== undefined && isRight(now)) return bytes;
    }
    if (performance.now() > deadline) throw new Error(`${String(bytes)} bytes are unacknowledged`);
  }
}

const nothing = (bytes: number) => bytes === 0;

describe.each(WAYS)('a connection over %s', (_way, listener, peer) => {
  test('shows what its peer has not taken, and no other connection shows it', async () => {
    const [stuck, idle] = await connections(listener, peer, 2);
    if (stuck === undefined || idle === undefined) throw new Error('two connections were made');
    await shows(idle.here, nothing);

    let written = false;
    stuck.here.write(Buffer.alloc(TOO_MUCH), () => (written = true));
    const waiting = await shows(stuck.here, (bytes) => bytes > 0);
    const kept = untaken(stuck.here);
    expect(kept).toBeGreaterThan(0);
    // What the kernel has taken lies here, unacknowledged, or with the peer.
    expect(waiting + kept).toBeLessThanOrEqual(TOO_MUCH);
    expect(written).toBe(false);
    // The other end of it has sent nothing, and the other connection is another one.
    for (const socket of [stuck.there, idle.here, idle.there]) {
      expect(unacknowledgedNow(socket)).toBe(0);
      expect(untaken(socket)).toBe(0);
    }

    stuck.there.resume();
    await until(() => written && stuck.there.bytesRead === TOO_MUCH, 'all to be read');
    expect(untaken(stuck.here)).toBe(0);
    await shows(stuck.here, nothing);
  });

  test('has not vanished while its peer lives, whether that one reads or not', async () => {
    const pairs = await connections(listener, peer, 2);
    const [stuck] = pairs;
    stuck?.here.write(Buffer.alloc(TOO_MUCH));
    await until(() => untaken(stuck?.here ?? new PassThrough()) > 0, 'something to wait');
    expect(
      await vanished(
        pairs.map(({ here }) => ({ socket: here, held: true })),
        DISTANCE.last,
      ),
    ).toEqual([]);
    expect(
      await vanished(
        pairs.map(({ there }) => ({ socket: there, held: true })),
        DISTANCE.last,
      ),
    ).toEqual([]);
  });
});

test('A peer whose reset nobody reads, because it is held, has vanished', async () => {
  const [pair] = await connections('127.0.0.1', '127.0.0.1', 1);
  if (pair === undefined) throw new Error('a connection was made');
  const { here, there } = pair;
  here.pause();
  there.resume();
  here.write('to be read');
  // What lies unread before the reset keeps Node from seeing it.
  there.write(Buffer.alloc(TOO_MUCH));
  await until(() => here.readableLength > 0 && there.bytesRead > 0, 'the connection to fill');
  const session = { socket: here, held: true };
  expect(await vanished([session], DISTANCE.last)).toEqual([]);
  there.resetAndDestroy();
  let gone: unknown[] = [];
  while (gone.length === 0) gone = await vanished([session], DISTANCE.last);
  expect(gone).toEqual([session]);
  expect(await vanished([{ socket: here, held: false }], DISTANCE.last)).toEqual([]);
});

test('A peer that never was in the table of this process has not vanished, however long it is held', async () => {
  const [pair] = await connections('127.0.0.1', '127.0.0.1', 1);
  if (pair === undefined) throw new Error('a connection was made');
  const { here } = pair;
  // As where its socket was handed over from another network namespace.
  Object.defineProperty(here, 'remoteAddress', { value: '192.0.2.1' });
  const session = { socket: here, held: true };
  expect(await vanished([session], DISTANCE.last)).toEqual([]);
  expect(await vanished([session], DISTANCE.last)).toEqual([]);
});

test('one reading serves all who ask before it begins', async () => {
  const pairs = await connections('127.0.0.1', '127.0.0.1', 20);
  const asked = pairs.flatMap(({ here, there }) => [
    look([here], DISTANCE.last),
    look([there], DISTANCE.last),
  ]);
  const readings = await Promise.all(asked);
  expect(new Set(readings).size).toBe(1);
  for (const { here, there } of pairs) {
    expect(readings[0]?.rowOf(here)?.unacknowledged).toBe(0);
    expect(readings[0]?.rowOf(there)?.unacknowledged).toBe(0);
  }
  expect(await look([], DISTANCE.last)).not.toBe(readings[0]);
});

describe('a socket that the system does not know', () => {
  test('has no figures', async () => {
    for (const socket of [new PassThrough(), new Socket()]) {
      expect((await look([socket], DISTANCE.last)).rowOf(socket)).toBeUndefined();
      expect(unacknowledgedNow(socket)).toBeUndefined();
      expect(untaken(socket)).toBe(0);
      expect(await vanished([{ socket, held: true }], DISTANCE.last)).toEqual([]);
    }
  });

  test('is one that was closed, too', async () => {
    const [pair] = await connections('127.0.0.1', '127.0.0.1', 1);
    if (pair === undefined) throw new Error('a connection was made');
    await shows(pair.here, nothing);
    pair.here.destroy();
    await until(() => pair.here.closed, 'the connection to close');
    expect(unacknowledgedNow(pair.here)).toBeUndefined();
    expect(untaken(pair.here)).toBe(0);
  });
});
