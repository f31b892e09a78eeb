import { PassThrough } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { InputGate } from '../../lib/readers/input-gate.ts';
import { overlong } from '../../lib/readers/lines.ts';
import { NO_INTAKE, Session } from '../../lib/model/session.ts';
import { LineRate } from '../../lib/readers/line-rate.ts';
import { TurnShare } from '../../lib/readers/turn-share.ts';

/** ms that the clock shows. */
let now = 0;

/** ms of a turn that there are. */
const SHARE = 20;

/** ms after which also what was read waits for the next turn. */
const OVERDRAFT = 2 * SHARE;

beforeEach(() => {
  now = 0;
  jest.spyOn(performance, 'now').mockImplementation(() => now);
});

afterEach(() => {
  jest.restoreAllMocks();
});

interface Options {
  readonly share?: TurnShare;
  /** What the reader's rate is, if it has one. */
  readonly rate?: number;
  /** Lines that are taken of each piece; others are given back. */
  readonly takes?: number;
  /** ms that each of them takes. */
  readonly cost?: number;
  /** Where all gates of a test tell what they let in. */
  readonly log?: string[];
}

/** A gate, and the lines that it let in. */
function makeGate({
  share = new TurnShare(SHARE, 0),
  rate,
  takes = Infinity,
  cost = 0,
  log = [],
}: Options = {}) {
  const session = new Session(new PassThrough(), { through: 'test' });
  const lineRate = rate === undefined ? undefined : new LineRate(session, rate);
  const gate = new InputGate(session, lineRate, share, {
    pass: (piece) => {
      if (piece === overlong) {
        log.push('overlong');
        return;
      }
      const lines = piece.toString().split('\n').slice(0, -1);
      const taken = lines.slice(0, takes);
      log.push(...taken);
      now += cost * taken.length;
      const rest = lines.slice(takes);
      if (rest.length > 0) gate.takeBack(Buffer.from(rest.map((line) => `${line}\n`).join('')));
    },
    finish: (reason) => {
      log.push(`end ${reason}`);
      gate.close();
      session.discard();
    },
  });
  session.attach({
    ...NO_INTAKE,
    resume: () => {
      // As a reader does: nothing is let in while an event is handled.
      queueMicrotask(gate.resume.bind(gate));
    },
  });
  const push = (text: string) => {
    gate.push(Buffer.from(text));
  };
  return { session, gate, log, push };
}

/** Whether the socket is read. */
const isRead = ({ socket }: Session) => !socket.isPaused();

describe('what is let in', () => {
  test('is what comes, at once, and the end after all of it', () => {
    const { gate, log, push } = makeGate();
    push('a\nb\n');
    gate.push(overlong);
    push('c\n');
    gate.end('eof');
    expect(log).toEqual(['a', 'b', 'overlong', 'c', 'end eof']);
    expect(gate.waiting).toBe(0);
  });

  test('that is given back comes again in later turns, before what came after it', async () => {
    const { session, gate, log, push } = makeGate({ takes: 2 });
    push('a\nb\nc\nd\ne\n');
    push('f\n');
    gate.push(overlong);
    gate.end('eof');
    expect(log).toEqual(['a', 'b']);
    // Six bytes of lines, two more, and one for the line that was too long.
    expect(gate.waiting).toBe(9);
    expect(isRead(session)).toBe(false);
    await nextTurn();
    expect(log).toEqual(['a', 'b', 'c', 'd']);
    await nextTurn();
    await nextTurn();
    expect(log).toEqual(['a', 'b', 'c', 'd', 'e', 'f', 'overlong', 'end eof']);
    expect(isRead(session)).toBe(true);
    expect(session.isDeferred).toBe(false);
  });

  test('is nothing while its session is held', async () => {
    const { session, gate, log, push } = makeGate();
    session.hold();
    push('a\n');
    push('b\n');
    gate.end('eof');
    expect(log).toEqual([]);
    expect(gate.waiting).toBe(4);
    session.release();
    await nextTurn();
    expect(log).toEqual(['a', 'b', 'end eof']);
  });

  test('is no more than was read, where the connection breaks while its session is held', async () => {
    const { session, gate, log, push } = makeGate();
    push('a\n');
    session.hold();
    push('b\n');
    gate.end('reset');
    expect(gate.waiting).toBe(0);
    session.release();
    await nextTurn();
    expect(log).toEqual(['a', 'end reset']);
  });

  test('is all that was read, where it breaks while a later turn is waited for', async () => {
    const { gate, log, push } = makeGate({ takes: 1 });
    push('a\nb\n');
    gate.end('reset');
    await nextTurn();
    expect(log).toEqual(['a', 'b', 'end reset']);
  });

  test('waits for its session to be let go, though its turn comes while that is held', async () => {
    const { session, log, push } = makeGate({ takes: 1 });
    push('a\nb\n');
    session.hold();
    await nextTurn();
    await nextTurn();
    expect(log).toEqual(['a']);
    expect(isRead(session)).toBe(false);
    session.release();
    await nextTurn();
    expect(log).toEqual(['a', 'b']);
    expect(isRead(session)).toBe(true);
  });

  test('is nothing any more when it is closed, though a turn was waited for', async () => {
    const { session, gate, log, push } = makeGate({ takes: 1 });
    push('a\nb\n');
    gate.close();
    await nextTurn();
    await nextTurn();
    expect(log).toEqual(['a']);
    expect(isRead(session)).toBe(true);
  });

  test('can be given back by who looked at it later, before what waits', async () => {
    const { gate, log, push } = makeGate({ takes: 2 });
    push('e\n');
    gate.takeBack(Buffer.from('a\nb\nc\n'));
    push('f\n');
    expect(log).toEqual(['e']);
    await nextTurn();
    await nextTurn();
    await nextTurn();
    expect(log).toEqual(['e', 'a', 'b', 'c', 'f']);
  });

  test('goes in piece by piece where that is asked for, though its session is held', () => {
    const { session, gate, log, push } = makeGate({ takes: 1 });
    session.hold();
    push('a\nb\n');
    gate.letIn();
    expect(log).toEqual(['a']);
    gate.letIn();
    gate.letIn();
    expect(log).toEqual(['a', 'b']);
  });
});

describe('the rate of a session', () => {
  test('is not used up a second time by what is given back', async () => {
    const { session, log, push } = makeGate({ rate: 10, takes: 1 });
    push('a\nb\nc\nd\n');
    for (let turn = 0; turn < 5; turn += 1) await nextTurn();
    push('e\nf\ng\nh\ni\n');
    for (let turn = 0; turn < 5; turn += 1) await nextTurn();
    expect(log.join('')).toBe('abcdefghi');
    // A second's worth may come at once: these were nine of ten.
    expect(session.held).toBe(false);
    push('j\n');
    expect(session.held).toBe(true);
  });

  test('counts no more when nothing more is read', async () => {
    const { session, gate, log, push } = makeGate({ rate: 1 });
    push('a\nb\nc\n');
    expect(log).toEqual(['a']);
    gate.stop();
    await nextTurn();
    expect(session.held).toBe(false);
    expect(log).toEqual(['a', 'b', 'c']);
  });
});

describe('a turn of the event loop', () => {
  test('is shared: who finds it used up has the next one', async () => {
    const share = new TurnShare(SHARE, 0);
    const log: string[] = [];
    const [one, other] = [makeGate({ share, log, cost: OVERDRAFT }), makeGate({ share, log })];
    one.push('a\n');
    other.push('b\n');
    expect(log).toEqual(['a']);
    expect(isRead(other.session)).toBe(false);
    await nextTurn();
    expect(log).toEqual(['a', 'b']);
    expect(isRead(other.session)).toBe(true);
  });

  test('is for who has little first, then for who came late, then for who has had a share', async () => {
    const share = new TurnShare(SHARE, 0);
    const log: string[] = [];
    const long = 'x'.repeat(2000);
    const busy = makeGate({ share, log, takes: 1, cost: OVERDRAFT });
    const [late, small] = [makeGate({ share, log }), makeGate({ share, log })];
    busy.push('busy\nbusy again\n');
    late.push(`${long}\n`);
    small.push('small\n');
    expect(log).toEqual(['busy']);
    await nextTurn();
    expect(log).toEqual(['busy', 'small', long, 'busy again']);
  });

  test('that is used up by the first leaves the others in their order for the next ones', async () => {
    const share = new TurnShare(SHARE, 0);
    const log: string[] = [];
    const all = ['a', 'b', 'c', 'd'].map((name) => ({ name, ...makeGate({ share, log, cost: OVERDRAFT }) }));
    for (const { name, push } of all) push(`${name}\n`);
    const seen: number[] = [];
    for (let turn = 0; turn < 4; turn += 1) {
      seen.push(log.length);
      await nextTurn();
    }
    expect(seen).toEqual([1, 2, 3, 4]);
    expect(log).toEqual(['a', 'b', 'c', 'd']);
  });

  test('is not for the same one again before others had theirs', async () => {
    const share = new TurnShare(SHARE, 0);
    const log: string[] = [];
    for (const name of ['a', 'b']) {
      const { push } = makeGate({ share, log, takes: 1, cost: OVERDRAFT });
      push(`${name}1\n${name}2\n${name}3\n`);
    }
    for (let turn = 0; turn < 6; turn += 1) await nextTurn();
    expect(log).toEqual(['a1', 'b1', 'a2', 'b2', 'a3', 'b3']);
  });

  test('has its full share again when it is a new one', async () => {
    const share = new TurnShare(SHARE, 0);
    now += SHARE / 2;
    expect([share.hasTimeFor(1), share.isUsedUp]).toEqual([true, false]);
    now += SHARE;
    expect([share.hasTimeFor(1), share.isUsedUp]).toEqual([true, true]);
    now += SHARE;
    expect([share.hasTimeFor(1), share.isUsedUp]).toEqual([false, true]);
    await nextTurn();
    expect([share.hasTimeFor(1), share.isUsedUp]).toEqual([true, false]);
  });

  test('that has had its share lets in what was read, and has nothing more read', async () => {
    const share = new TurnShare(SHARE, 0);
    const log: string[] = [];
    const [one, other] = [makeGate({ share, log, cost: SHARE }), makeGate({ share, log })];
    one.push('a\n');
    other.push('b\n');
    expect(log).toEqual(['a', 'b']);
    expect(isRead(other.session)).toBe(false);
    await nextTurn();
    expect(isRead(other.session)).toBe(true);
  });
});
