import { deliveries, heardBy, inVirtualTime, peer } from './marbles.ts';

/** Names to log in with, and messages that are a digit long. */
const typed = { a: 'alice', b: 'bob', c: 'carol', 1: 'bob: 1', 2: 'bob: 2', 3: 'bob: 3', 4: 'bob: 4' };

describe('Order', () => {
  it(
    'is kept between one sender and one recipient, also within a frame',
    inVirtualTime(({ hot, expectObservable, expectSubscriptions }) => {
      const [alice, bob] = [peer('alice'), peer('bob')];
      const bob$ = hot('   b------------', typed);
      const alice$ = hot(' -a--1-2(34)--', typed);
      const toBob = '      b---1-2(34)--';
      const toAlice = '    -a-----------';
      const subscription = '^------------';

      const deliveries$ = deliveries(
        new Map([
          [bob, bob$],
          [alice, alice$],
        ]),
      );
      expectObservable(deliveries$.pipe(heardBy(bob))).toBe(toBob, {
        b: '* welcome bob',
        1: 'from alice: 1',
        2: 'from alice: 2',
        3: 'from alice: 3',
        4: 'from alice: 4',
      });
      expectObservable(deliveries$.pipe(heardBy(alice))).toBe(toAlice, { a: '* welcome alice' });
      expectSubscriptions(alice$.subscriptions).toBe(subscription);
      expectSubscriptions(bob$.subscriptions).toBe(subscription);
    }),
  );

  it(
    'of two senders to one recipient is the order in which they were heard',
    inVirtualTime(({ hot, expectObservable, expectSubscriptions }) => {
      const [alice, bob, carol] = [peer('alice'), peer('bob'), peer('carol')];
      // Of the hot Observables that emit in one frame the one that was made first comes first.
      const bob$ = hot('   b-----------', typed);
      const carol$ = hot(' -c-1-2--3---', typed);
      const alice$ = hot(' -a--1---2---', typed);
      const toBob = '      b--rst--(uv)';
      const subscription = '^-----------';

      const deliveries$ = deliveries(
        new Map([
          [bob, bob$],
          [carol, carol$],
          [alice, alice$],
        ]),
      );
      expectObservable(deliveries$.pipe(heardBy(bob))).toBe(toBob, {
        b: '* welcome bob',
        r: 'from carol: 1',
        s: 'from alice: 1',
        t: 'from carol: 2',
        u: 'from carol: 3',
        v: 'from alice: 2',
      });
      expectSubscriptions(alice$.subscriptions).toBe(subscription);
      expectSubscriptions(carol$.subscriptions).toBe(subscription);
    }),
  );

  it(
    'is kept in a block of lines to changing recipients',
    inVirtualTime(({ hot, expectObservable, expectSubscriptions }) => {
      const [alice, bob, carol] = [peer('alice'), peer('bob'), peer('carol')];
      const block = 'bob: 1\nbob: 2\ncarol: 3\nbob, carol: 4\nbob: 5';
      const bob$ = hot('   b--------', typed);
      const carol$ = hot(' c--------', typed);
      const alice$ = hot(' -a-B-----', { a: 'alice', B: block });
      const toBob = '      b--(pqr)-';
      const toCarol = '    c--(xy)--';
      const subscription = '^--------';

      const deliveries$ = deliveries(
        new Map([
          [bob, bob$],
          [carol, carol$],
          [alice, alice$],
        ]),
      );
      expectObservable(deliveries$.pipe(heardBy(bob))).toBe(toBob, {
        b: '* welcome bob',
        p: 'from alice: 1 / from alice: 2',
        q: 'from alice: 4',
        r: 'from alice: 5',
      });
      expectObservable(deliveries$.pipe(heardBy(carol))).toBe(toCarol, {
        c: '* welcome carol',
        x: 'from alice: 3',
        y: 'from alice: 4',
      });
      expectSubscriptions(alice$.subscriptions).toBe(subscription);
    }),
  );
});
