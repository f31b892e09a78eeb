import { ReplaySubject, concat } from 'rxjs';
import { shutdownOf } from '../lib/shutdown.ts';
import { chat, inVirtualTime, notesOf, peer, readerOf } from './marbles.ts';

describe('A connection that comes late', () => {
  it(
    'is never read under a drain that is replayed, and nobody listens for it',
    inVirtualTime(({ hot, cold, expectObservable, expectSubscriptions }) => {
      const alice = peer('alice');
      const sessions$ = cold('a-----', { a: alice });
      const alice$ = hot('    -a--m-', { a: 'alice', m: 'alice: hi' });
      const notes = '         |';

      const drain$ = new ReplaySubject<void>(1);
      drain$.next();
      const notes$ = chat(sessions$, { drain$, reader: readerOf(new Map([[alice, alice$]])) });
      expectObservable(notes$.pipe(notesOf(alice))).toBe(notes);
      expectSubscriptions(sessions$.subscriptions).toBe([]);
      expectSubscriptions(alice$.subscriptions).toBe([]);
    }),
  );

  it(
    'is never read when the shutdown began before the pipeline was subscribed',
    inVirtualTime(({ hot, cold, expectObservable, expectSubscriptions }) => {
      const [alice, bob] = [peer('alice'), peer('bob')];
      const signal$ = hot('   --s------');
      const early$ = cold('   a--------', { a: alice });
      const late$ = cold('        b----', { b: bob });
      const alice$ = hot('    ---------');
      const bob$ = hot('      ---------');
      const earlyRun = '      ^--------';
      const lateRun = '       ----^----';
      const earlyNotes = '    o------(c|)';
      const lateNotes = '     ----|----';
      const earlySessions = ' ^-!------';
      const flush = '         --^----!-';

      const reader = readerOf(
        new Map([
          [alice, alice$],
          [bob, bob$],
        ]),
      );
      // The first pipeline's slow writer keeps the shutdown in use, as any open connection does.
      const shutdown = shutdownOf(signal$, 100);
      const flush$ = cold<never>('-----|');
      const earlyNotes$ = chat(early$, {
        ...shutdown,
        reader,
        writing: (pending$) => concat(pending$, flush$),
      });
      const lateNotes$ = chat(late$, { ...shutdown, reader });
      expectObservable(earlyNotes$.pipe(notesOf(alice)), earlyRun).toBe(earlyNotes, {
        o: 'opened',
        c: 'closed shutdown',
      });
      expectObservable(lateNotes$.pipe(notesOf(bob)), lateRun).toBe(lateNotes);
      expectSubscriptions(early$.subscriptions).toBe(earlySessions);
      expectSubscriptions(late$.subscriptions).toBe([]);
      expectSubscriptions(bob$.subscriptions).toBe([]);
      expectSubscriptions(flush$.subscriptions).toBe(flush);
    }),
  );

  it(
    'is never read if it comes in the frame of the drain, but after it',
    inVirtualTime(({ hot, expectObservable, expectSubscriptions }) => {
      const [alice, bob] = [peer('alice'), peer('bob')];
      const drain$ = hot('   ---d--');
      const sessions$ = hot('a--b--', { a: alice, b: bob });
      const alice$ = hot('   ------');
      const bob$ = hot('     ------');
      const toAlice = '      o--(c|)';
      const toBob = '        ---|';
      const sessions = '     ^--!';

      const notes$ = chat(sessions$, {
        drain$,
        reader: readerOf(
          new Map([
            [alice, alice$],
            [bob, bob$],
          ]),
        ),
      });
      expectObservable(notes$.pipe(notesOf(alice))).toBe(toAlice, { o: 'opened', c: 'closed shutdown' });
      expectObservable(notes$.pipe(notesOf(bob))).toBe(toBob);
      expectSubscriptions(sessions$.subscriptions).toBe(sessions);
      expectSubscriptions(bob$.subscriptions).toBe([]);
    }),
  );

  it(
    'is told of the shutdown if it comes just before it',
    inVirtualTime(({ hot, expectObservable, expectSubscriptions }) => {
      const bob = peer('bob');
      const sessions$ = hot('---b--', { b: bob });
      const drain$ = hot('   ---d--');
      const bob$ = hot('     ------');
      const toBob = '        ---(oc|)';
      const sessions = '     ^--!';
      const bobSession = '   ---(^!)';

      const notes$ = chat(sessions$, { drain$, reader: readerOf(new Map([[bob, bob$]])) });
      expectObservable(notes$.pipe(notesOf(bob))).toBe(toBob, { o: 'opened', c: 'closed shutdown' });
      expectSubscriptions(sessions$.subscriptions).toBe(sessions);
      expectSubscriptions(bob$.subscriptions).toBe(bobSession);
    }),
  );
});
