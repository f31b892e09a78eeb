import { concat } from 'rxjs';
import { shutdownOf } from '../lib/shutdown.ts';
import { chat, inVirtualTime, notesOf, peer, readerOf } from './marbles.ts';

describe('The deadline', () => {
  it(
    'cuts off the writer that is not done, and the pipeline completes',
    inVirtualTime(({ hot, cold, expectObservable, expectSubscriptions }) => {
      const [alice, stuck] = [peer('alice'), peer('stuck')];
      const sessions$ = hot('as----------', { a: alice, s: stuck });
      const drain$ = hot('   ---d--------');
      const deadline$ = hot('---------d--');
      const aliceFlush$ = cold<never>('--|');
      const stuckFlush$ = cold<never>('-----------');

      const toAlice = '      o----c---|--';
      const toStuck = '      -o-------|--';
      const aliceFlush = '   ---^-!------';
      const stuckFlush = '   ---^-----!--';
      const deadline = '     ^--------!--';

      const notes$ = chat(sessions$, {
        drain$,
        deadline$,
        reader: readerOf(new Map()),
        writing: (pending$, session) => concat(pending$, session === stuck ? stuckFlush$ : aliceFlush$),
      });
      const texts = { o: 'opened', c: 'closed shutdown' };
      expectObservable(notes$.pipe(notesOf(alice))).toBe(toAlice, texts);
      expectObservable(notes$.pipe(notesOf(stuck))).toBe(toStuck, texts);
      expectSubscriptions(aliceFlush$.subscriptions).toBe(aliceFlush);
      expectSubscriptions(stuckFlush$.subscriptions).toBe(stuckFlush);
      expectSubscriptions(deadline$.subscriptions).toBe(deadline);
    }),
  );

  it(
    'is waited for no longer than there are writers',
    inVirtualTime(({ hot, cold, expectObservable, expectSubscriptions }) => {
      const alice = peer('alice');
      const sessions$ = hot('        a-------', { a: alice });
      const signal$ = hot('          --s-----');
      const flush$ = cold<never>('     ---|');
      const toAlice = '              o----(c|)';
      const flush = '                --^--!--';
      const signal = '               ^----!--';

      const notes$ = chat(sessions$, {
        ...shutdownOf(signal$, 100),
        reader: readerOf(new Map()),
        writing: (pending$) => concat(pending$, flush$),
      });
      expectObservable(notes$.pipe(notesOf(alice))).toBe(toAlice, { o: 'opened', c: 'closed shutdown' });
      expectSubscriptions(flush$.subscriptions).toBe(flush);
      expectSubscriptions(signal$.subscriptions).toBe(signal);
    }),
  );

  it(
    'comes the drain timeout after the signal',
    inVirtualTime(({ hot, cold, expectObservable, expectSubscriptions }) => {
      const stuck = peer('stuck');
      const sessions$ = hot('        s---------', { s: stuck });
      const signal$ = hot('          --s-------');
      const flush$ = cold<never>('     --------');
      const toStuck = '              o------|--';
      const sessions = '             ^-!-------';
      const flush = '                --^----!--';
      const signal = '               ^------!--';

      const notes$ = chat(sessions$, {
        ...shutdownOf(signal$, 5),
        reader: readerOf(new Map()),
        writing: (pending$) => concat(pending$, flush$),
      });
      expectObservable(notes$.pipe(notesOf(stuck))).toBe(toStuck, { o: 'opened' });
      expectSubscriptions(sessions$.subscriptions).toBe(sessions);
      expectSubscriptions(flush$.subscriptions).toBe(flush);
      expectSubscriptions(signal$.subscriptions).toBe(signal);
    }),
  );

  it(
    'comes with a second signal, and cuts off at once',
    inVirtualTime(({ hot, cold, expectObservable, expectSubscriptions }) => {
      const stuck = peer('stuck');
      const sessions$ = hot('        s---------', { s: stuck });
      const signal$ = hot('          --s-s-----');
      const flush$ = cold<never>('     --------');
      const toStuck = '              o---|-----';
      const sessions = '             ^-!-------';
      const flush = '                --^-!-----';
      const signal = '               ^---!-----';

      const notes$ = chat(sessions$, {
        ...shutdownOf(signal$, 5),
        reader: readerOf(new Map()),
        writing: (pending$) => concat(pending$, flush$),
      });
      expectObservable(notes$.pipe(notesOf(stuck))).toBe(toStuck, { o: 'opened' });
      expectSubscriptions(sessions$.subscriptions).toBe(sessions);
      expectSubscriptions(flush$.subscriptions).toBe(flush);
      expectSubscriptions(signal$.subscriptions).toBe(signal);
    }),
  );
});
