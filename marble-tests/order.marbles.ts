import { inVirtualTime, talk } from './marbles.ts';

/** Names to log in with, and messages that are a digit long. */
const typed = { a: 'alice', b: 'bob', c: 'carol', 1: 'bob: 1', 2: 'bob: 2', 3: 'bob: 3', 4: 'bob: 4' };

describe('Order', () => {
  it(
    'is kept between one sender and one recipient, also within a frame',
    inVirtualTime(({ hot, expectObservable, expectSubscriptions }) => {
      const { heard, subscriptions } = talk(
        hot,
        {
          bob: '   b------------',
          alice: ' -a--1-2(34)--',
        },
        typed,
      );
      const toBob = '      b---1-2(34)--';
      const toAlice = '    -a-----------';
      const subscription = '^------------';

      expectObservable(heard('bob')).toBe(toBob, {
        b: '* welcome bob',
        1: 'from alice: 1',
        2: 'from alice: 2',
        3: 'from alice: 3',
        4: 'from alice: 4',
      });
      expectObservable(heard('alice')).toBe(toAlice, { a: '* welcome alice' });
      expectSubscriptions(subscriptions('alice')).toBe(subscription);
      expectSubscriptions(subscriptions('bob')).toBe(subscription);
    }),
  );

  it(
    'of two senders to one recipient is the order in which they were heard',
    inVirtualTime(({ hot, expectObservable, expectSubscriptions }) => {
      // Of the hot Observables that emit in one frame the one that was made first comes first.
      const { heard, subscriptions } = talk(
        hot,
        {
          bob: '   b-----------',
          carol: ' -c-1-2--3---',
          alice: ' -a--1---2---',
        },
        typed,
      );
      const toBob = '      b--rst--(uv)';
      const subscription = '^-----------';

      expectObservable(heard('bob')).toBe(toBob, {
        b: '* welcome bob',
        r: 'from carol: 1',
        s: 'from alice: 1',
        t: 'from carol: 2',
        u: 'from carol: 3',
        v: 'from alice: 2',
      });
      expectSubscriptions(subscriptions('alice')).toBe(subscription);
      expectSubscriptions(subscriptions('carol')).toBe(subscription);
    }),
  );

  it(
    'is kept in a block of lines to changing recipients',
    inVirtualTime(({ hot, expectObservable, expectSubscriptions }) => {
      const block = 'bob: 1\nbob: 2\ncarol: 3\nbob, carol: 4\nbob: 5';
      const { heard, subscriptions } = talk(
        hot,
        {
          bob: '   b--------',
          carol: ' c--------',
          alice: ' -a-B-----',
        },
        { ...typed, B: block },
      );
      const toBob = '      b--(pqr)-';
      const toCarol = '    c--(xy)--';
      const subscription = '^--------';

      expectObservable(heard('bob')).toBe(toBob, {
        b: '* welcome bob',
        p: 'from alice: 1 / from alice: 2',
        q: 'from alice: 4',
        r: 'from alice: 5',
      });
      expectObservable(heard('carol')).toBe(toCarol, {
        c: '* welcome carol',
        x: 'from alice: 3',
        y: 'from alice: 4',
      });
      expectSubscriptions(subscriptions('alice')).toBe(subscription);
    }),
  );
});
