import { filter, map, toArray } from 'rxjs';
import { inVirtualTime, talk } from './marbles.ts';

const typed = { a: 'alice', b: 'bob', c: 'carol' };

describe('A message to several recipients', () => {
  it(
    'reaches each of them in the frame in which it was sent',
    inVirtualTime(({ hot, expectObservable, expectSubscriptions }) => {
      const { heard, subscriptions } = talk(
        hot,
        {
          bob: '   b-----',
          carol: ' c-----',
          alice: ' a--m--',
        },
        { ...typed, m: 'bob, carol: hi' },
      );
      const toBob = '      b--m--';
      const toCarol = '    c--m--';
      const toAlice = '    a-----';
      const subscription = '^-----';

      expectObservable(heard('bob')).toBe(toBob, { b: '* welcome bob', m: 'from alice: hi' });
      expectObservable(heard('carol')).toBe(toCarol, { c: '* welcome carol', m: 'from alice: hi' });
      expectObservable(heard('alice')).toBe(toAlice, { a: '* welcome alice' });
      expectSubscriptions(subscriptions('alice')).toBe(subscription);
    }),
  );

  it(
    'is one delivery for each of them, and its bytes are made once for all',
    inVirtualTime(({ hot, expectObservable, expectSubscriptions }) => {
      const { deliveries$, subscriptions } = talk(
        hot,
        {
          bob: '   b-----|',
          carol: ' c-----|',
          alice: ' a--m--|',
        },
        { ...typed, m: 'bob, carol: 1\nbob, carol: 2' },
      );
      const summary = '    ------(s|)';
      const subscription = '^-----!';

      const messages$ = deliveries$.pipe(
        filter(({ payload }) => payload.count > 0),
        toArray(),
        map((messages) => ({
          to: messages.map(({ to }) => to.remote),
          counts: messages.map(({ payload }) => payload.count),
          buffers: new Set(messages.map(({ payload }) => payload.bytes)).size,
        })),
      );
      expectObservable(messages$).toBe(summary, {
        s: { to: ['bob', 'carol'], counts: [2, 2], buffers: 1 },
      });
      expectSubscriptions(subscriptions('alice')).toBe(subscription);
    }),
  );

  it(
    'reaches one that is named twice once',
    inVirtualTime(({ hot, expectObservable, expectSubscriptions }) => {
      const { heard, subscriptions } = talk(
        hot,
        {
          bob: '   b-----',
          alice: ' a--m--',
        },
        { ...typed, m: 'bob,bob , bob: hi' },
      );
      const toBob = '      b--m--';
      const subscription = '^-----';

      expectObservable(heard('bob')).toBe(toBob, { b: '* welcome bob', m: 'from alice: hi' });
      expectSubscriptions(subscriptions('alice')).toBe(subscription);
    }),
  );

  it(
    'reaches its sender too if it is among them',
    inVirtualTime(({ hot, expectObservable, expectSubscriptions }) => {
      const { heard, subscriptions } = talk(
        hot,
        {
          bob: '   b------',
          alice: ' a--m-n-',
        },
        { ...typed, m: 'alice, bob: both', n: 'alice: myself' },
      );
      const toBob = '      b--m---';
      const toAlice = '    a--m-n-';
      const subscription = '^------';

      expectObservable(heard('bob')).toBe(toBob, { b: '* welcome bob', m: 'from alice: both' });
      expectObservable(heard('alice')).toBe(toAlice, {
        a: '* welcome alice',
        m: 'from alice: both',
        n: 'from alice: myself',
      });
      expectSubscriptions(subscriptions('alice')).toBe(subscription);
    }),
  );

  it(
    'reaches those who are here and names those who are not to its sender',
    inVirtualTime(({ hot, expectObservable, expectSubscriptions }) => {
      const { heard, subscriptions } = talk(
        hot,
        {
          bob: '   b-----',
          alice: ' a--m--',
        },
        { ...typed, m: 'zoe, bob, yann: hi' },
      );
      const toBob = '      b--m--';
      const toAlice = '    a--e--';
      const subscription = '^-----';

      expectObservable(heard('bob')).toBe(toBob, { b: '* welcome bob', m: 'from alice: hi' });
      expectObservable(heard('alice')).toBe(toAlice, {
        a: '* welcome alice',
        e: '! not-connected zoe / ! not-connected yann',
      });
      expectSubscriptions(subscriptions('alice')).toBe(subscription);
    }),
  );
});
