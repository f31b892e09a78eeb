import { Subject, concat, tap } from 'rxjs';
import type { Session } from '../lib/model/session.ts';
import { chat, inVirtualTime, notesOf, peer, readerOf, theBroker } from './marbles.ts';

const broke = new Error('broke');

describe('The pipeline', () => {
  it(
    'fails with its listener, and the broker does not hear of it',
    inVirtualTime(({ hot, cold, expectObservable, expectSubscriptions }) => {
      const [alice, gone] = [peer('alice'), peer('gone')];
      const sessions$ = hot('     ag--#---', { a: alice, g: gone }, broke);
      const alice$ = hot('        --a-----', { a: 'alice' });
      const gone$ = hot('         --|-----');
      const flush$ = cold<never>('  ------');
      const toAlice = '           o-a-#---';
      const brokerHears = '       --------';
      const sessions = '          ^---!---';
      const aliceSession = '      ^---!---';
      const goneSession = '       -^!-----';
      const flush = '             --^-!---';

      const hears$ = new Subject<string>();
      const hears = (what: string) => () => {
        hears$.next(what);
      };
      const stage = theBroker();
      const notes$ = chat(sessions$, {
        reader: readerOf(
          new Map([
            [alice, alice$],
            [gone, gone$],
          ]),
        ),
        broker: (events$) =>
          events$.pipe(tap({ error: hears('error'), complete: hears('completion') }), stage),
        writing: (pending$) => concat(pending$, flush$),
      });
      expectObservable(notes$.pipe(notesOf(alice))).toBe(
        toAlice,
        { o: 'opened', a: '* welcome alice' },
        broke,
      );
      expectObservable(hears$).toBe(brokerHears);
      expectSubscriptions(sessions$.subscriptions).toBe(sessions);
      expectSubscriptions(alice$.subscriptions).toBe(aliceSession);
      expectSubscriptions(gone$.subscriptions).toBe(goneSession);
      expectSubscriptions(flush$.subscriptions).toBe(flush);
    }),
  );

  it(
    'fails loudly where the broker throws',
    inVirtualTime(({ hot, expectObservable, expectSubscriptions }) => {
      const alice = peer('alice');
      const sessions$ = hot('a-----', { a: alice });
      const alice$ = hot('   --a---', { a: 'alice' });
      const toAlice = '      o-#---';
      const subscription = ' ^-!---';

      const notes$ = chat(sessions$, {
        reader: readerOf(new Map([[alice, alice$]])),
        broker: theBroker({}, () => {
          throw broke;
        }),
      });
      expectObservable(notes$.pipe(notesOf(alice))).toBe(
        toAlice,
        { o: 'opened', a: '* welcome alice' },
        broke,
      );
      expectSubscriptions(sessions$.subscriptions).toBe(subscription);
      expectSubscriptions(alice$.subscriptions).toBe(subscription);
    }),
  );

  it(
    'fails loudly where a writer does, and lets go of everybody',
    inVirtualTime(({ hot, cold, expectObservable, expectSubscriptions }) => {
      const [alice, bob] = [peer('alice'), peer('bob')];
      const sessions$ = hot('     ab------', { a: alice, b: bob });
      const alice$ = hot('        --|-----');
      const bob$ = hot('          --------');
      const flush$ = cold<never>('  --#', undefined, broke);
      const toBob = '             -o--#---';
      const sessions = '          ^---!---';
      const bobSession = '        -^--!---';
      const flush = '             --^-!---';

      const notes$ = chat(sessions$, {
        reader: readerOf(
          new Map([
            [alice, alice$],
            [bob, bob$],
          ]),
        ),
        writing: (pending$) => concat(pending$, flush$),
      });
      expectObservable(notes$.pipe(notesOf(bob))).toBe(toBob, { o: 'opened' }, broke);
      expectSubscriptions(sessions$.subscriptions).toBe(sessions);
      expectSubscriptions(bob$.subscriptions).toBe(bobSession);
      expectSubscriptions(flush$.subscriptions).toBe(flush);
    }),
  );

  it(
    'that is unsubscribed lets go of listener, readers and writers at once',
    inVirtualTime(({ hot, cold, expectObservable, expectSubscriptions }) => {
      const [alice, gone] = [peer('alice'), peer('gone')];
      const sessions$ = hot('     ag------', { a: alice, g: gone });
      const alice$ = hot('        --a---m-', { a: 'alice', m: 'alice: hi' });
      const gone$ = hot('         --|-----');
      const drain$ = hot('        ------d-');
      const deadline$ = hot('     -------d');
      const flush$ = cold<never>('  ------');
      const run = '               ^----!--';
      const toAlice = '           o-a-----';
      const all = '               ^----!--';
      const goneSession = '       -^!-----';
      const flush = '             --^--!--';

      const notes$ = chat(sessions$, {
        drain$,
        deadline$,
        reader: readerOf(
          new Map([
            [alice, alice$],
            [gone, gone$],
          ]),
        ),
        writing: (pending$) => concat(pending$, flush$),
      });
      expectObservable(notes$.pipe(notesOf(alice)), run).toBe(toAlice, { o: 'opened', a: '* welcome alice' });
      expectSubscriptions(sessions$.subscriptions).toBe(all);
      expectSubscriptions(alice$.subscriptions).toBe(all);
      expectSubscriptions(drain$.subscriptions).toBe(all);
      expectSubscriptions(deadline$.subscriptions).toBe(all);
      expectSubscriptions(gone$.subscriptions).toBe(goneSession);
      expectSubscriptions(flush$.subscriptions).toBe(flush);
    }),
  );

  it(
    'is cold: nobody is read before it is subscribed',
    inVirtualTime(({ hot, expectObservable, expectSubscriptions }) => {
      const [early, late] = [peer('early'), peer('late')];
      const sessions$ = hot<Session>('-e---l--', { e: early, l: late });
      const late$ = hot('             ------a-', { a: 'alice' });
      const run = '                   ---^----';
      const toEarly = '               --------';
      const toLate = '                -----oa-';
      const sessions = '              ---^----';
      const lateSession = '           -----^--';

      const notes$ = chat(sessions$, { reader: readerOf(new Map([[late, late$]])) });
      expectObservable(notes$.pipe(notesOf(early)), run).toBe(toEarly);
      expectObservable(notes$.pipe(notesOf(late)), run).toBe(toLate, { o: 'opened', a: '* welcome alice' });
      expectSubscriptions(sessions$.subscriptions).toBe(sessions);
      expectSubscriptions(late$.subscriptions).toBe(lateSession);
    }),
  );
});
