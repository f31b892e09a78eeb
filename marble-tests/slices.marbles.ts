import { Subject } from 'rxjs';
import type { Delivery, SessionEvent } from '../lib/model/events.ts';
import type { Session } from '../lib/model/session.ts';
import { theBroker } from './support/broker.ts';
import { onTakeBack, sessionOf } from './support/sessions.ts';
import { textOfPayload } from './support/texts.ts';

/** A broker, and what of their lines it has given back to those who wrote them. */
function desk(names: readonly string[]) {
  const events$ = new Subject<SessionEvent>();
  const deliveries: Delivery[] = [];
  const limits = { maxConnections: 10_000, maxLine: 2 ** 20, maxRecipients: 1000 };
  events$.pipe(theBroker(limits)).subscribe((delivery) => deliveries.push(delivery));
  const say = (session: Session, text: string) => {
    events$.next({ type: 'lines', session, block: Buffer.from(text) });
  };
  const login = (name: string) => {
    const session = sessionOf(name);
    events$.next({ type: 'opened', session });
    say(session, `${name}\n`);
    return session;
  };
  const sessions = names.map(login);
  const alice = login('alice');
  let back = '';
  onTakeBack(alice, (lines) => {
    back += lines.toString();
  });
  deliveries.length = 0;
  return {
    alice,
    sessions,
    heard: (session: Session) => deliveries.filter(({ to }) => to === session).map(({ payload }) => payload),
    /** Lines of `text` that are handled at once. */
    take: (text: string) => {
      back = '';
      say(alice, text);
      expect(text.endsWith(back)).toBe(true);
      return text.slice(0, text.length - back.length).split('\n').length - 1;
    },
    /** Hands in what was given back, again and again, until all is taken. */
    takeAll: (text: string) => {
      let slices = 0;
      for (let rest = text; rest !== ''; rest = back) {
        back = '';
        say(alice, rest);
        slices += 1;
      }
      return slices;
    },
  };
}

const crowd = (count: number) => Array.from({ length: count }, (_, index) => `n${index}`);

/** Two lines to the same, of which none goes out together with the next. */
const toAndFro = (names: readonly string[]) => `${names.join()}: x\n${names.toReversed().join()}: x\n`;

describe('Of the lines of one read, at a time', () => {
  it.each([
    ['no more than a few thousand of the shortest are taken', [], '\n', [1000, 10_000]],
    ['so are commands that mean nothing', [], '/x\n', [500, 10_000]],
    ['fewer with a long answer', crowd(1000), '/who\n', [10, 100]],
    ['few with many names of whom nobody is here', [], `${crowd(1000).join()}: x\n`, [1, 10]],
    ['few with more names than there may be', [], `${crowd(5000).join()}: x\n`, [1, 2]],
    ['few with many names of those who are here', crowd(1000), toAndFro(crowd(1000)), [1, 10]],
    ['few that are long', crowd(1), `n0: ${'x'.repeat(50_000)}\n`, [1, 10]],
  ] as const)('%s', (_what, names, line, [least, most]) => {
    const { take } = desk(names);
    const taken = take(line.repeat(20_000_000 / Math.max(line.length, 500)));
    expect(taken).toBeGreaterThanOrEqual(least);
    expect(taken).toBeLessThanOrEqual(most);
    // The same way to go as before costs as much.
    const again = take(line.repeat(20_000_000 / Math.max(line.length, 500)));
    expect(again).toBeLessThanOrEqual(most);
  });

  it('the first alone is taken though it is more than a share', () => {
    const { alice, take } = desk([]);
    const line = `${crowd(999).join()}: x\n`;
    expect(take(line)).toBe(1);
    expect(alice.accepted).toBe(1);
  });

  it('those are taken that come before their sender is held', () => {
    const { alice, take, heard } = desk(['n0']);
    alice.hold();
    // The first one is: nobody would be served who is held by himself.
    expect(take('/ping 1\n/ping 2\n/ping 3\n')).toBe(1);
    expect(heard(alice).map(textOfPayload)).toEqual(['* pong 1']);
    alice.release();
    expect(take('/ping 2\n/ping 3\n')).toBe(2);
    expect(heard(alice).map(textOfPayload)).toEqual(['* pong 1', '* pong 2 / * pong 3']);
  });

  it('some are taken and the others come again in their place: nothing is lost, doubled, or late', () => {
    const { alice, sessions, heard, takeAll } = desk(['n0', 'n1']);
    let text = '';
    const numbers = Array.from({ length: 30_000 }, (_, index) => index);
    for (const number of numbers) text += `n${number % 2}: ${number}\n/ping ${number}\n\n`;
    expect(takeAll(text)).toBeGreaterThan(5);
    expect(alice.accepted).toBe(numbers.length);
    const lines = (session: Session | undefined) =>
      session === undefined ? [] : heard(session).flatMap((payload) => textOfPayload(payload).split(' / '));
    expect(lines(alice)).toEqual(numbers.map((number) => `* pong ${number}`));
    for (const half of [0, 1]) {
      const expected = numbers.filter((number) => number % 2 === half);
      expect(lines(sessions[half])).toEqual(expected.map((number) => `from alice: ${number}`));
    }
  });
});
