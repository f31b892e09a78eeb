import fs from 'node:fs';
import { Subject } from 'rxjs';
import type { ServerOptions } from '../../lib/index.ts';
import { DISTANCE, look } from '../../lib/os/tcp-table.ts';
import type { Peer } from '../support/peer.ts';
import { Server, stopServers } from '../support/server.ts';
import { until } from '../support/until.ts';

/** Peers that neither say anything nor hang up, as many as a test can have at once. */
const SILENT = 1500;

/** Peers that do not read, each of which the kernel holds some megabytes for. */
const DEAF = 200;

/**
 * ms that a drain may take beside its linger timeout, on a machine that is busy: a reading a peer would take
 * more.
 */
const SLACK = 4000;

const MESSAGE = 'x'.repeat(1000);

let openings: jest.SpyInstance;

beforeEach(() => {
  openings = jest.spyOn(fs, 'openSync');
});

afterEach(async () => {
  stopServers();
  // One that was to come for this test is not to come in the next.
  await look([], DISTANCE.last);
  openings.mockRestore();
});

/** How often the system's table of connections was read: that costs as much as there are connections. */
function readings(): number {
  return openings.mock.calls.filter(([path]) => path === '/proc/self/net/tcp').length;
}

/** A server with silent peers. */
async function silence(count: number, options: Partial<ServerOptions> = {}) {
  const shutdown$ = new Subject<void>();
  const server = await Server.start({ lingerTimeout: 1000, ...options, shutdown$ });
  const peers: Peer[] = [];
  // As many at a time as may wait to be accepted.
  while (peers.length < count) {
    const some = Array.from({ length: Math.min(100, count - peers.length) }, (_, index) =>
      server.login(`silent${peers.length + index}`),
    );
    peers.push(...(await Promise.all(some)));
  }
  return { server, peers, drain: shutdown$.next.bind(shutdown$) };
}

/** The report of a drain. */
async function drained(server: Server, drain: () => void) {
  drain();
  return (await server.told('drained')).report;
}

describe('a drain with many silent peers', () => {
  it('does not ask the system about any of them where nothing was written to them', async () => {
    const { server, drain } = await silence(SILENT);
    const report = await drained(server, drain);
    expect(report).toMatchObject({ sessions: SILENT, abandoned: 0 });
    expect(readings()).toBe(0);
    expect(report.milliseconds).toBeLessThan(1000 + SLACK);
  });

  it('asks a few times for all of those to whom something was written', async () => {
    const { server, peers, drain } = await silence(SILENT);
    const alice = await server.login('alice');
    for (let index = 0; index < SILENT; index += 2) alice.send(`silent${index}: hello\n`);
    await alice.settled();
    const report = await drained(server, drain);
    expect(report).toMatchObject({ sessions: SILENT + 1, abandoned: 0 });
    expect(readings()).toBeGreaterThan(0);
    expect(readings()).toBeLessThan(10);
    expect(report.milliseconds).toBeLessThan(1000 + SLACK);
    for (const [index, { text }] of peers.entries()) {
      const hello = index % 2 === 0 ? 'from alice: hello\n' : '';
      const closing = `* closing shutdown: accepted 0, delivered ${1 - (index % 2)}\n`;
      expect(text).toBe(`* welcome silent${index}\n${hello}${closing}`);
    }
  });

  it('cuts them off together at the deadline, where it comes first', async () => {
    const { server, peers, drain } = await silence(DEAF, { drainTimeout: 500, maxPending: 2 ** 30 });
    for (const { socket } of peers) socket.pause();
    const alice = await server.login('alice');
    // More than the kernel of a peer that does not read has room for, and less than this one holds for it.
    for (let index = 0; index < DEAF; index += 1) alice.send(`silent${index}: ${MESSAGE}\n`.repeat(1000));
    await alice.settled();
    const before = readings();
    const report = await drained(server, drain);
    expect(report.losses).toHaveLength(DEAF);
    expect(readings() - before).toBeLessThan(10);
    expect(report.milliseconds).toBeLessThan(500 + SLACK);
  });
});

describe('many peers that do not read', () => {
  it('are cut off with a few readings for all, and what they did not get is counted', async () => {
    const { server, peers } = await silence(DEAF, { writeTimeout: 1000, lingerTimeout: 100 });
    for (const { socket } of peers) socket.pause();
    const alice = await server.login('alice');
    const all = peers.map((_, index) => `silent${index}`).join(', ');
    alice.send(`${all}: ${'x'.repeat(60_000)}\n`.repeat(80));
    await until(() => server.all('left').length === DEAF, 'all to be cut off');
    for (const { reason, abandoned } of server.all('left')) {
      expect(reason).toBe('slow-consumer');
      expect(abandoned).toBeGreaterThan(0);
    }
    // Who waits is looked at four times in a write timeout, however many they are.
    expect(readings()).toBeLessThan(30);
  });
});

describe('peers that quit and do not hang up', () => {
  it('are not asked about where nothing was written to them', async () => {
    const { server, peers } = await silence(100, { lingerTimeout: 200 });
    for (const peer of peers) peer.send('/who\n/quit\n');
    await until(() => server.all('left').length === peers.length, 'all to be hung up on');
    expect(readings()).toBe(0);
  });

  it('share a few readings where something was', async () => {
    const { server, peers } = await silence(100, { lingerTimeout: 200 });
    for (const [index, peer] of peers.entries()) peer.send(`silent${index}: hello\n/quit\n`);
    await until(() => server.all('left').length === peers.length, 'all to be hung up on');
    expect(server.all('left').every(({ delivered, abandoned }) => delivered === 1 && abandoned === 0)).toBe(
      true,
    );
    expect(readings()).toBeGreaterThan(0);
    expect(readings()).toBeLessThan(10);
  });
});
