import { PassThrough } from 'node:stream';
import { Backlog, costOf } from '../../lib/writers/backlog.ts';
import type { Payload } from '../../lib/model/events.ts';
import { WriteBatches } from '../../lib/writers/write-batches.ts';
import { PendingTotal } from '../../lib/model/pending-total.ts';
import { NO_INTAKE, Session } from '../../lib/model/session.ts';
import type { Peer } from '../support/peer.ts';
import { Server, stopServers } from '../support/server.ts';
import { until } from '../support/until.ts';

afterEach(stopServers);

/** A session that is read: others are never held. */
function sender(): Session {
  const session = new Session(new PassThrough(), { through: 'test' });
  session.attach({ ...NO_INTAKE });
  return session;
}

function payload(from: Session, size: number): Payload {
  return { bytes: Buffer.alloc(size), count: 1, from, end: undefined };
}

const [SMALL, LARGE] = [10, 10_000];

/** What a payload costs beside its bytes. */
const OVERHEAD = costOf(payload(sender(), SMALL)) - SMALL;

/** Room for all that a test has wait. */
const roomy = () => new PendingTotal(Infinity);

describe('what it costs that a payload waits', () => {
  it('is more than its bytes, and the same for each; nothing costs nothing', () => {
    const from = sender();
    expect(OVERHEAD).toBeGreaterThan(100);
    expect(costOf(payload(from, LARGE))).toBe(LARGE + OVERHEAD);
    expect(costOf(payload(from, 0))).toBe(0);
  });

  it('is what is taken off when it is written, however it is packed', () => {
    const from = sender();
    const total = roomy();
    const backlog = new Backlog(Infinity, total);
    const batch = [0, SMALL, SMALL, LARGE, 0, 300_000, SMALL, 20_000].map((size) => payload(from, size));
    for (const one of batch) backlog.add(one);
    expect(total.bytes).toBe(batch.reduce((sum, one) => sum + costOf(one), 0));
    for (const { cost } of new WriteBatches().pack(batch)) backlog.remove(cost);
    expect(backlog.bytes).toBe(0);
    expect(total.bytes).toBe(0);
  });
});

describe('a backlog', () => {
  it('holds those whose input brings it over its mark, and lets them go at half of it', () => {
    const [alice, bob, carol] = [sender(), sender(), sender()];
    const backlog = new Backlog(1000, roomy());
    backlog.add(payload(alice, 1000 - OVERHEAD));
    expect(alice.held).toBe(false);
    backlog.add(payload(bob, 1));
    backlog.add(payload(bob, 1));
    expect([alice, bob, carol].map(({ held }) => held)).toEqual([false, true, false]);
    backlog.remove(backlog.bytes - 501);
    expect(bob.held).toBe(true);
    backlog.remove(1);
    expect(bob.held).toBe(false);
  });

  it('counts many small payloads as what they cost', () => {
    const alice = sender();
    const backlog = new Backlog(100 * OVERHEAD, roomy());
    for (let count = 0; count < 100 && !alice.held; count += 1) backlog.add(payload(alice, 1));
    expect(alice.held).toBe(true);
    expect(backlog.bytes).toBeLessThanOrEqual(100 * (OVERHEAD + 1));
  });

  it('that is cleared lets all go', () => {
    const total = roomy();
    const [alice, bob] = [sender(), sender()];
    const backlog = new Backlog(0, total);
    for (const from of [alice, bob, alice]) backlog.add(payload(from, SMALL));
    expect([alice.held, bob.held]).toEqual([true, true]);
    backlog.clear();
    expect([alice.held, bob.held]).toEqual([false, false]);
    expect(total.bytes).toBe(0);
  });
});

describe('the total of what waits', () => {
  it('has no share for each as long as it is below its limit', () => {
    const total = new PendingTotal(1000);
    total.change(0, 1000);
    expect(total.share).toBe(Infinity);
    total.change(1000, 999);
    expect(total.share).toBe(Infinity);
  });

  it('is shared by those for whom something waits when it is over its limit', () => {
    const total = new PendingTotal(1000);
    total.change(0, 900);
    total.change(0, 50);
    total.change(0, 51);
    expect(total.share).toBe(1000 / 3);
    total.change(51, 0);
    total.change(900, 1000);
    expect(total.share).toBe(500);
    total.change(1000, 0);
    total.change(50, 0);
    expect(total.bytes).toBe(0);
    expect(total.share).toBe(Infinity);
    // Nobody is counted any more.
    total.change(0, 2000);
    expect(total.share).toBe(1000);
  });

  it('over its limit holds those who write to who has more than a share, and nobody else', () => {
    const total = new PendingTotal(10 * LARGE);
    const [large, small] = [new Backlog(Infinity, total), new Backlog(Infinity, total)];
    const [alice, bob, carol] = [sender(), sender(), sender()];
    for (let count = 0; count < 10; count += 1) large.add(payload(alice, LARGE));
    expect(alice.held).toBe(true);
    for (let count = 0; count < 10; count += 1) small.add(payload(bob, SMALL));
    large.add(payload(carol, SMALL));
    expect([alice.held, bob.held, carol.held]).toEqual([true, false, true]);
    small.clear();
    // Below the limit there is no share, but who was held waits for half of what it was.
    large.clear();
    expect([alice.held, carol.held]).toEqual([false, false]);
    expect(total.bytes).toBe(0);
  });
});

describe('two who write to each other', () => {
  const LINE = 'x'.repeat(5000);

  /** Sends a line and waits for it to come back, again and again. */
  async function toAndFro(one: Peer, other: Peer, names: readonly [string, string]): Promise<void> {
    for (let round = 0; round < 50; round += 1) {
      one.send(`${names[1]}: ${round} ${LINE}\n`);
      await other.heard(`from ${names[0]}: ${round} `);
      other.send(`${names[0]}: ${round} ${LINE}\n`);
      await one.heard(`from ${names[1]}: ${round} `);
    }
  }

  it('are not held while too much waits for others, who do not read', async () => {
    const server = await Server.start({ maxPendingTotal: 2 ** 20, maxPending: 2 ** 30 });
    const [alice, bob] = [await server.login('alice'), await server.login('bob')];
    const stuck = await Promise.all(Array.from({ length: 10 }, (_, index) => server.login(`s${index}`)));
    for (const { socket } of stuck) socket.pause();
    const senders = await Promise.all(Array.from({ length: 20 }, (_, index) => server.login(`w${index}`)));
    const size = 8 * 2 ** 20;
    for (const [index, sender] of senders.entries()) {
      const line = `s${index % 10}: ${LINE}\n`;
      sender.send(line.repeat(size / line.length));
      sender.end();
    }
    await until(() => senders.every((sender) => sender.socket.bytesWritten > 0), 'the senders to write');
    await toAndFro(alice, bob, ['alice', 'bob']);

    // All of the others are held: none of them has come to its end.
    expect(server.all('left')).toEqual([]);
    expect(senders.every(({ ended }) => !ended)).toBe(true);
    for (const { socket } of stuck) socket.resume();
    await Promise.all(senders.map((sender) => sender.whole()));
    const written = senders.length * Math.floor(size / `s0: ${LINE}\n`.length);
    await until(() => {
      const got = stuck.map(({ text }) => text.match(/^from w/gm)?.length ?? 0);
      return got.reduce((sum, count) => sum + count) === written;
    }, 'all to be delivered');
  });
});
