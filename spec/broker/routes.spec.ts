import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { PassThrough } from 'node:stream';
import { Roster, type Seat } from '../../lib/broker/roster.ts';
import { Routes } from '../../lib/broker/routes.ts';
import { Session } from '../../lib/model/session.ts';
import { Server, stopServers } from '../support/server.ts';
import { until } from '../support/until.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const MB = 2 ** 20;

afterEach(stopServers);

describe('where lines go', () => {
  it('follows who comes and goes, though the list of names stays the same', async () => {
    const server = await Server.start();
    const alice = await server.login('alice');
    const say = async (text: string) => {
      alice.send(`bob, carol: ${text}\n`);
      await alice.settled();
    };
    await say('1');
    const bob = await server.login('bob');
    await say('2');
    const carol = await server.login('carol');
    await say('3');
    await bob.quit();
    await say('4');
    const again = await server.login('bob');
    await say('5');
    await say('6');
    await alice.quit();

    const errors = alice.lines.filter((line) => /^! |pong/.test(line)).map((line) => line.replace(/:.*/, ''));
    const [noBob, noCarol] = ['! not-connected bob', '! not-connected carol'];
    const pong = (round: number) => `* pong settled ${round}`;
    expect(errors).toEqual([
      noBob,
      noCarol,
      pong(1),
      noCarol,
      pong(2),
      pong(3),
      noBob,
      pong(4),
      pong(5),
      pong(6),
    ]);
    await until(() => carol.text.includes('6'), 'the last message');
    const from = (...texts: number[]) => texts.map((text) => `from alice: ${text}`);
    expect(bob.lines.slice(1, -1)).toEqual(from(2, 3));
    expect(carol.lines.slice(1)).toEqual(from(3, 4, 5, 6));
    await again.heard('6\n');
    expect(again.lines.slice(1)).toEqual(from(5, 6));
    expect(alice.lines.at(-1)).toBe('* closing quit: accepted 6, delivered 0');
  });
});

describe('what is remembered of where lines go', () => {
  const key = () => ({});

  it('is the last for each', () => {
    const routes = new Routes<object, string>();
    const [one, other] = [key(), key()];
    routes.set(one, 'small', 10);
    routes.set(other, 'large', 10_000);
    expect([routes.get(one), routes.get(other)]).toEqual(['small', 'large']);
    routes.set(one, 'large now', 10_000);
    routes.set(other, 'small now', 10);
    expect([routes.get(one), routes.get(other)]).toEqual(['large now', 'small now']);
    routes.delete(one);
    routes.delete(other);
    expect([routes.get(one), routes.get(other)]).toEqual([undefined, undefined]);
  });

  it('is all that is small, and of what is large no more than a few MiB, the newest', () => {
    const routes = new Routes<object, number>();
    const keys = Array.from({ length: 100 }, key);
    const small = Array.from({ length: 100 }, key);
    for (const one of small) routes.set(one, 0, 100);
    for (const [index, one] of keys.entries()) routes.set(one, index, MB / 4);
    const kept = keys.filter((one) => routes.get(one) !== undefined);
    expect(kept).toEqual(keys.slice(-32));
    // The same ones again take no more room.
    for (let round = 0; round < 10; round += 1) for (const one of kept) routes.set(one, round, MB / 4);
    expect(kept.every((one) => routes.get(one) === 9)).toBe(true);
    expect(small.every((one) => routes.get(one) === 0)).toBe(true);
  });

  it('is nothing of who is not here any more', async () => {
    const roster = new Roster();
    const login = () => {
      const session = new Session(new PassThrough(), { through: 'test' });
      roster.admit(session);
      roster.join(session, 'bob');
      return session;
    };
    /** Bob comes and goes, and his seat stays. */
    const gone = () => {
      const session = login();
      const seat = roster.seatOf('bob');
      expect(seat?.session).toBe(session);
      roster.leave(session);
      return { seat, session: new WeakRef(session) };
    };
    const many: { seat: Seat | undefined; session: WeakRef<Session> }[] = Array.from({ length: 10 }, gone);
    await until(async () => {
      await new Promise(setImmediate);
      collectGarbage();
      return many.every(({ session }) => session.deref() === undefined);
    }, 'the sessions to be collected');
    expect(many.every(({ seat }) => seat !== undefined && seat.session === undefined)).toBe(true);
    const back = login();
    expect(roster.seatOf('bob')?.session).toBe(back);
    expect(roster.find('bob')).toBe(back);
    expect(many.every(({ seat }) => seat?.session === undefined)).toBe(true);
  });
});
