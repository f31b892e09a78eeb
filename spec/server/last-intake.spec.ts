import { PassThrough } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Subject } from 'rxjs';
import { lastIntake } from '../../lib/readers/last-intake.ts';
import { Meter } from '../../lib/index.ts';
import { PendingTotal } from '../../lib/model/pending-total.ts';
import { NO_INTAKE, Session } from '../../lib/model/session.ts';
import { Server, stopServers } from '../support/server.ts';
import { until } from '../support/until.ts';

afterEach(stopServers);

/** Bytes of memory, at most, that one sender's lines take which are let in together. */
const RUN_BYTES = 2 ** 18;

/** A session of which so many bytes wait; each that is let in waits for its recipient then. */
function waiting(bytes: number, total: PendingTotal, name: string | undefined = 'alice') {
  const session = new Session(new PassThrough(), { through: 'test' });
  const state = { left: bytes, stopped: false };
  session.name = name;
  session.attach({
    ...NO_INTAKE,
    stop: () => {
      state.stopped = true;
    },
    letIn: () => {
      state.left -= 1;
      total.change(total.bytes, total.bytes + 1);
    },
    get waiting() {
      return state.left;
    },
  });
  return { session, state };
}

describe('the last intake', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });

  afterEach(() => {
    jest.useRealTimers();
  });

  /** Whether it emitted and completed, once. */
  function begin(total: PendingTotal, limit: number, ...sessions: readonly { session: Session }[]) {
    const heard: string[] = [];
    const subscription = lastIntake(
      sessions.map(({ session }) => session),
      total,
      limit,
    ).subscribe({ next: () => heard.push('over'), complete: () => heard.push('complete') });
    return { subscription, isOver: () => heard.join() === 'over,complete' };
  }

  it('is over at once where nobody waits, and has stopped all reading', () => {
    const total = new PendingTotal(1000);
    const [one, other] = [waiting(0, total), waiting(0, total)];
    expect(begin(total, 5000, one, other).isOver()).toBe(true);
    expect([one.state.stopped, other.state.stopped]).toEqual([true, true]);
    expect(begin(total, 5000).isOver()).toBe(true);
  });

  it('waits for those who wait for their turn', () => {
    const total = new PendingTotal(1000);
    const deferred = waiting(100, total);
    const { isOver } = begin(total, 5000, deferred);
    for (; deferred.state.left > 1; deferred.state.left -= 1) {
      jest.advanceTimersByTime(40);
      expect(isOver()).toBe(false);
    }
    deferred.state.left = 0;
    jest.advanceTimersByTime(40);
    expect(isOver()).toBe(true);
  });

  it('lets in what is held as long as there is room, and goes on where recipients make some', () => {
    const total = new PendingTotal(800);
    const held = waiting(150, total);
    held.session.hold();
    const { isOver } = begin(total, 5000, held);
    jest.advanceTimersByTime(300);
    // An eighth of what may wait, and one that goes beyond it.
    expect(total.bytes).toBe(101);
    expect(isOver()).toBe(false);
    total.change(101, 0);
    jest.advanceTimersByTime(200);
    expect(held.state.left).toBe(0);
    expect(isOver()).toBe(true);
  });

  it('serves all who are held in turn', () => {
    const total = new PendingTotal(800);
    const held = [waiting(100, total), waiting(100, total)];
    for (const { session } of held) session.hold();
    begin(total, 5000, ...held);
    jest.advanceTimersByTime(100);
    expect(held.map(({ state }) => state.left)).toEqual([49, 50]);
  });

  it('gives up what has found no room for half a second', () => {
    const total = new PendingTotal(800);
    total.change(0, 800);
    const held = waiting(5, total);
    held.session.hold();
    const { isOver } = begin(total, 5000, held);
    jest.advanceTimersByTime(450);
    expect(isOver()).toBe(false);
    jest.advanceTimersByTime(100);
    expect(isOver()).toBe(true);
    expect(held.state.left).toBe(5);
  });

  it('gives up at its limit, though there is progress', () => {
    const total = new PendingTotal(800);
    const deferred = waiting(1e6, total);
    const { isOver } = begin(total, 1000, deferred);
    for (let ms = 0; ms < 950; ms += 10) {
      deferred.state.left -= 1;
      jest.advanceTimersByTime(10);
      expect(isOver()).toBe(false);
    }
    deferred.state.left -= 1;
    jest.advanceTimersByTime(100);
    expect(isOver()).toBe(true);
  });

  it('does not wait for a login that is being checked', () => {
    const total = new PendingTotal(800);
    const nameless = waiting(5, total, '');
    nameless.session.name = undefined;
    nameless.session.hold();
    expect(begin(total, 5000, nameless).isOver()).toBe(true);
    expect(nameless.state.left).toBe(5);
  });

  it('lets nothing in when it is given up', () => {
    const total = new PendingTotal(800);
    const held = waiting(500, total);
    held.session.hold();
    const { subscription } = begin(total, 5000, held);
    subscription.unsubscribe();
    const { left } = held.state;
    jest.advanceTimersByTime(1000);
    expect(held.state.left).toBe(left);
  });
});

describe('a shutdown with many senders that are held', () => {
  it('accepts as much as there is room for, and tells each of them how far it came', async () => {
    const shutdown$ = new Subject<void>();
    const meter = new Meter();
    const maxPendingTotal = 16 * 2 ** 20;
    const server = await Server.start({ shutdown$, meter, maxPendingTotal, lingerTimeout: 100 });
    const recipients = await Promise.all(['a', 'b', 'c'].map((name) => server.login(name)));
    for (const { socket } of recipients) socket.pause();
    const name = (index: number) => `s${index}`.padEnd(64, 'y');
    const senders = await Promise.all(Array.from({ length: 60 }, (_, index) => server.login(name(index))));
    for (const [index, sender] of senders.entries())
      sender.send(`${'abc'.charAt(index % 3)}:\n`.repeat(100_000));
    await until(() => meter.read().pending > 2 ** 20, 'much to wait');

    // Until it begins, whatever waits is for the marks of each recipient to bound.
    const before = meter.read().pending;
    let most = before;
    const look = setInterval(() => (most = Math.max(most, meter.read().pending)), 1);
    shutdown$.next();
    await nextTurn();
    expect(server.all('draining')).toMatchObject([{ sessions: 63 }]);
    await until(() => senders.every(({ text }) => text.includes('* closing')), 'all to be told');
    clearInterval(look);
    // An eighth, and a run of lines of each sender: whoever was not held by then is by what it is let in
    // with.
    expect(most).toBeLessThan(Math.max(before, maxPendingTotal / 8) + senders.length * RUN_BYTES);
    for (const { socket } of recipients) socket.resume();
    await Promise.all(recipients.map((recipient) => recipient.whole()));

    // Each recipient has from each sender just as much as that one was told.
    for (const [index, sender] of senders.entries()) {
      const accepted = Number(/closing shutdown: accepted (\d+)/.exec(sender.text)?.[1]);
      const text = recipients[index % 3]?.text ?? '';
      expect(text.split(`from ${name(index)}: \n`)).toHaveLength(accepted + 1);
    }
    expect((await server.told('drained')).report).toMatchObject({ abandoned: 0, losses: [] });
  });
});
