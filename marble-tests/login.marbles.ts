import { Subject } from 'rxjs';
import type { ServerEvent } from '../lib/model/server-events.ts';
import { deliveries, heardBy, inVirtualTime, peer, theBroker } from './marbles.ts';

describe('A login', () => {
  it(
    'and messages in one block have the effect that they have in several',
    inVirtualTime(({ hot, expectObservable, expectSubscriptions }) => {
      const [alice, bob, carol] = [peer('alice'), peer('bob'), peer('carol')];
      const bob$ = hot('   b----------', { b: 'bob' });
      const alice$ = hot(' -B---------', { B: 'alice\nbob: 1\n/ping\nbob: 2' });
      const carol$ = hot(' -----c1p2--', { c: 'carol', 1: 'bob: 1', p: '/ping', 2: 'bob: 2' });
      const toBob = '      b(12)-x-y--';
      const toAlice = '    -(ap)------';
      const toCarol = '    -----c-p---';
      const subscription = '^----------';

      const deliveries$ = deliveries(
        new Map([
          [bob, bob$],
          [alice, alice$],
          [carol, carol$],
        ]),
      );
      expectObservable(deliveries$.pipe(heardBy(bob))).toBe(toBob, {
        b: '* welcome bob',
        1: 'from alice: 1',
        2: 'from alice: 2',
        x: 'from carol: 1',
        y: 'from carol: 2',
      });
      expectObservable(deliveries$.pipe(heardBy(alice))).toBe(toAlice, { a: '* welcome alice', p: '* pong' });
      expectObservable(deliveries$.pipe(heardBy(carol))).toBe(toCarol, { c: '* welcome carol', p: '* pong' });
      expectSubscriptions(alice$.subscriptions).toBe(subscription);
      expectSubscriptions(carol$.subscriptions).toBe(subscription);
    }),
  );

  it(
    'is needed before messages reach the name, also within a frame',
    inVirtualTime(({ hot, expectObservable, expectSubscriptions }) => {
      const [alice, bob] = [peer('alice'), peer('bob')];
      // In frame 2 alice comes first, for her hot Observable was made first.
      const alice$ = hot(' a-m-m-', { a: 'alice', m: 'bob: hi' });
      const bob$ = hot('   --b---', { b: 'bob' });
      const toAlice = '    a-e---';
      const toBob = '      --b-m-';
      const subscription = '^-----';

      const deliveries$ = deliveries(
        new Map([
          [alice, alice$],
          [bob, bob$],
        ]),
      );
      expectObservable(deliveries$.pipe(heardBy(alice))).toBe(toAlice, {
        a: '* welcome alice',
        e: '! not-connected bob',
      });
      expectObservable(deliveries$.pipe(heardBy(bob))).toBe(toBob, {
        b: '* welcome bob',
        m: 'from alice: hi',
      });
      expectSubscriptions(alice$.subscriptions).toBe(subscription);
      expectSubscriptions(bob$.subscriptions).toBe(subscription);
    }),
  );

  it(
    'that came first in a frame counts for a message in the same frame',
    inVirtualTime(({ hot, expectObservable, expectSubscriptions }) => {
      const [alice, bob] = [peer('alice'), peer('bob')];
      const bob$ = hot('   --b-----', { b: 'bob' });
      const alice$ = hot(' a-m-----', { a: 'alice', m: 'bob: hi' });
      const toAlice = '    a-------';
      const toBob = '      --(bm)--';
      const subscription = '^-------';

      const deliveries$ = deliveries(
        new Map([
          [bob, bob$],
          [alice, alice$],
        ]),
      );
      expectObservable(deliveries$.pipe(heardBy(alice))).toBe(toAlice, { a: '* welcome alice' });
      expectObservable(deliveries$.pipe(heardBy(bob))).toBe(toBob, {
        b: '* welcome bob',
        m: 'from alice: hi',
      });
      expectSubscriptions(bob$.subscriptions).toBe(subscription);
    }),
  );

  it(
    'that is refused may be tried again, and no message before it counts',
    inVirtualTime(({ hot, expectObservable, expectSubscriptions }) => {
      const [alice, other] = [peer('alice'), peer('other')];
      const told$ = new Subject<ServerEvent>();
      const typed = { t: 'alice', i: '/alice', n: 'bob', m: 'alice: hi' };
      const alice$ = hot(' a--------', { a: 'alice' });
      const other$ = hot(' -t-i-m-nm', typed);
      const toOther = '    -T-I-M-N-';
      const toAlice = '    a-------m';
      const told = '       aT-I-M-N-';
      const subscription = '^--------';

      const stage = theBroker({}, (event) => {
        told$.next(event);
      });
      const deliveries$ = deliveries(
        new Map([
          [alice, alice$],
          [other, other$],
        ]),
        stage,
      );
      expectObservable(told$).toBe(told, {
        a: { type: 'joined', name: 'alice', remote: 'alice' },
        T: { type: 'refused', code: 'name-taken', name: 'alice', remote: 'other' },
        I: { type: 'refused', code: 'name-invalid', name: undefined, remote: 'other' },
        M: { type: 'refused', code: 'name-invalid', name: undefined, remote: 'other' },
        N: { type: 'joined', name: 'bob', remote: 'other' },
      });
      expectObservable(deliveries$.pipe(heardBy(other))).toBe(toOther, {
        T: '! name-taken alice',
        I: '! name-invalid /alice',
        M: '! name-invalid alice',
        N: '* welcome bob',
      });
      expectObservable(deliveries$.pipe(heardBy(alice))).toBe(toAlice, {
        a: '* welcome alice',
        m: 'from bob: hi',
      });
      expectSubscriptions(other$.subscriptions).toBe(subscription);
    }),
  );

  it(
    'that is refused and the next try may stand in one block',
    inVirtualTime(({ hot, expectObservable, expectSubscriptions }) => {
      const [alice, other] = [peer('alice'), peer('other')];
      const alice$ = hot(' a------', { a: 'alice' });
      const other$ = hot(' --B----', { B: 'alice\nbob\nalice: hi' });
      const toOther = '    --R----';
      const toAlice = '    a-m----';
      const subscription = '^------';

      const deliveries$ = deliveries(
        new Map([
          [alice, alice$],
          [other, other$],
        ]),
      );
      expectObservable(deliveries$.pipe(heardBy(other))).toBe(toOther, {
        R: '! name-taken alice / * welcome bob',
      });
      expectObservable(deliveries$.pipe(heardBy(alice))).toBe(toAlice, {
        a: '* welcome alice',
        m: 'from bob: hi',
      });
      expectSubscriptions(other$.subscriptions).toBe(subscription);
    }),
  );

  it(
    'of two with one name in one frame is for the first of them',
    inVirtualTime(({ hot, expectObservable, expectSubscriptions }) => {
      const [first, second] = [peer('first'), peer('second')];
      const first$ = hot('  --a--', { a: 'alice' });
      const second$ = hot(' --a--', { a: 'alice' });
      const toFirst = '     --a--';
      const toSecond = '    --T--';
      const subscription = ' ^----';

      const deliveries$ = deliveries(
        new Map([
          [first, first$],
          [second, second$],
        ]),
      );
      expectObservable(deliveries$.pipe(heardBy(first))).toBe(toFirst, { a: '* welcome alice' });
      expectObservable(deliveries$.pipe(heardBy(second))).toBe(toSecond, { T: '! name-taken alice' });
      expectSubscriptions(first$.subscriptions).toBe(subscription);
      expectSubscriptions(second$.subscriptions).toBe(subscription);
    }),
  );
});
