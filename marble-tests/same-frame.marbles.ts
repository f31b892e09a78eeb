import { Subject } from 'rxjs';
import { shutdownOf } from '../lib/shutdown.ts';
import { chat, inVirtualTime, notesOf, peer, readerOf, theBroker } from './marbles.ts';

/** A client that logs in and writes to itself. */
const typed = { a: 'alice', m: 'alice: hi' };
const heard = { o: 'opened', a: '* welcome alice', m: 'from alice: hi', c: 'closed shutdown' };

describe('A line in the frame of the drain', () => {
  it(
    'is taken if it came first',
    inVirtualTime(({ hot, expectObservable, expectSubscriptions }) => {
      const alice = peer('alice');
      const sessions$ = hot('a-----', { a: alice });
      const alice$ = hot('   -a--m-', typed);
      const drain$ = hot('   ----d-');
      const notes = '        oa--(mc|)';
      const subscription = ' ^---!';

      const notes$ = chat(sessions$, { drain$, reader: readerOf(new Map([[alice, alice$]])) });
      expectObservable(notes$.pipe(notesOf(alice))).toBe(notes, heard);
      expectSubscriptions(alice$.subscriptions).toBe(subscription);
      expectSubscriptions(drain$.subscriptions).toBe(subscription);
    }),
  );

  it(
    'is not taken if the drain came first',
    inVirtualTime(({ hot, expectObservable, expectSubscriptions }) => {
      const alice = peer('alice');
      const sessions$ = hot('a-----', { a: alice });
      const drain$ = hot('   ----d-');
      const alice$ = hot('   -a--m-', typed);
      const notes = '        oa--(c|)';
      const subscription = ' ^---!';

      const notes$ = chat(sessions$, { drain$, reader: readerOf(new Map([[alice, alice$]])) });
      expectObservable(notes$.pipe(notesOf(alice))).toBe(notes, heard);
      expectSubscriptions(alice$.subscriptions).toBe(subscription);
      expectSubscriptions(drain$.subscriptions).toBe(subscription);
    }),
  );

  it(
    'is not taken if all is cold: the drain is subscribed first, so that nothing gets past it',
    inVirtualTime(({ cold, expectObservable, expectSubscriptions }) => {
      const alice = peer('alice');
      const sessions$ = cold('a-----', { a: alice });
      const alice$ = cold('   -a--m-', typed);
      const drain$ = cold('   ----d-');
      const notes = '         oa--(c|)';
      const subscription = '  ^---!';

      const notes$ = chat(sessions$, { drain$, reader: readerOf(new Map([[alice, alice$]])) });
      expectObservable(notes$.pipe(notesOf(alice))).toBe(notes, heard);
      expectSubscriptions(sessions$.subscriptions).toBe(subscription);
      expectSubscriptions(alice$.subscriptions).toBe(subscription);
      expectSubscriptions(drain$.subscriptions).toBe(subscription);
    }),
  );
});

describe('A line in the frame of the shutdown signal', () => {
  it(
    'is taken if it came first',
    inVirtualTime(({ hot, expectObservable, expectSubscriptions }) => {
      const alice = peer('alice');
      const sessions$ = hot('a-----', { a: alice });
      const alice$ = hot('   -a--m-', typed);
      const signal$ = hot('  ----s-');
      const notes = '        oa--(mc|)';
      const subscription = ' ^---!';

      const notes$ = chat(sessions$, {
        ...shutdownOf(signal$, 5),
        reader: readerOf(new Map([[alice, alice$]])),
      });
      expectObservable(notes$.pipe(notesOf(alice))).toBe(notes, heard);
      expectSubscriptions(alice$.subscriptions).toBe(subscription);
      expectSubscriptions(signal$.subscriptions).toBe(subscription);
    }),
  );

  it(
    'is taken if the signal came first, for the signal is heard when what is at work is done',
    inVirtualTime(({ hot, expectObservable, expectSubscriptions }) => {
      const alice = peer('alice');
      const sessions$ = hot('a-----', { a: alice });
      const signal$ = hot('  ----s-');
      const alice$ = hot('   -a--m-', typed);
      const notes = '        oa--(mc|)';
      const subscription = ' ^---!';

      const notes$ = chat(sessions$, {
        ...shutdownOf(signal$, 5),
        reader: readerOf(new Map([[alice, alice$]])),
      });
      expectObservable(notes$.pipe(notesOf(alice))).toBe(notes, heard);
      expectSubscriptions(alice$.subscriptions).toBe(subscription);
      expectSubscriptions(signal$.subscriptions).toBe(subscription);
    }),
  );

  it(
    'is taken with its whole block if a line of the block brought the signal about',
    inVirtualTime(({ hot, expectObservable, expectSubscriptions }) => {
      const alice = peer('alice');
      const sessions$ = hot('a-----', { a: alice });
      const alice$ = hot('   ----B-', { B: 'alice\nalice: hi' });
      const notes = '        o---(amc|)';
      const subscription = ' ^---!';

      const signal$ = new Subject<void>();
      const notes$ = chat(sessions$, {
        ...shutdownOf(signal$, 5),
        reader: readerOf(new Map([[alice, alice$]])),
        broker: theBroker({}, () => {
          signal$.next();
        }),
      });
      expectObservable(notes$.pipe(notesOf(alice))).toBe(notes, heard);
      expectSubscriptions(alice$.subscriptions).toBe(subscription);
    }),
  );
});
