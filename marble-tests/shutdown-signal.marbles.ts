import { type Observable, map } from 'rxjs';
import { shutdownOf } from '../lib/shutdown.ts';
import { chat, inVirtualTime, notesOf, peer, readerOf } from './marbles.ts';

/** What a moment's value is does not matter. */
function moment(name: string): (moment$: Observable<unknown>) => Observable<string> {
  return map(() => name);
}

describe('The signal of a shutdown', () => {
  it(
    'begins the drain, and the deadline comes the timeout later',
    inVirtualTime(({ hot, expectObservable, expectSubscriptions }) => {
      const signal$ = hot(' --s-------');
      const drain = '       --(d|)----';
      const deadline = '    -------(d|)';
      const signal = '      ^------!--';

      const { drain$, deadline$ } = shutdownOf(signal$, 5);
      expectObservable(drain$.pipe(moment('d'))).toBe(drain);
      expectObservable(deadline$.pipe(moment('d'))).toBe(deadline);
      expectSubscriptions(signal$.subscriptions).toBe(signal);
    }),
  );

  it(
    'brings the deadline at once by its second value, and a third is nothing',
    inVirtualTime(({ hot, expectObservable, expectSubscriptions }) => {
      const signal$ = hot(' --s-s-s---');
      const drain = '       --(d|)----';
      const deadline = '    ----(d|)--';
      const signal = '      ^---!-----';

      const { drain$, deadline$ } = shutdownOf(signal$, 5);
      expectObservable(drain$.pipe(moment('d'))).toBe(drain);
      expectObservable(deadline$.pipe(moment('d'))).toBe(deadline);
      expectSubscriptions(signal$.subscriptions).toBe(signal);
    }),
  );

  it(
    'may give both values in one frame',
    inVirtualTime(({ hot, expectObservable, expectSubscriptions }) => {
      const signal$ = hot(' --(st)----');
      const drain = '       --(d|)----';
      const deadline = '    --(d|)----';
      const signal = '      ^-!-------';

      const { drain$, deadline$ } = shutdownOf(signal$, 5);
      expectObservable(drain$.pipe(moment('d'))).toBe(drain);
      expectObservable(deadline$.pipe(moment('d'))).toBe(deadline);
      expectSubscriptions(signal$.subscriptions).toBe(signal);
    }),
  );

  it(
    'may complete after its value: the deadline comes all the same',
    inVirtualTime(({ cold, expectObservable, expectSubscriptions }) => {
      const signal$ = cold('--s|------');
      const drain = '       --(d|)----';
      const deadline = '    -------(d|)';
      const signal = '      ^--!------';

      const { drain$, deadline$ } = shutdownOf(signal$, 5);
      expectObservable(drain$.pipe(moment('d'))).toBe(drain);
      expectObservable(deadline$.pipe(moment('d'))).toBe(deadline);
      expectSubscriptions(signal$.subscriptions).toBe(signal);
    }),
  );

  it(
    'is none if it completes without a value: the chat goes on',
    inVirtualTime(({ hot, cold, expectObservable, expectSubscriptions }) => {
      const alice = peer('alice');
      const sessions$ = hot('a---------', { a: alice });
      const alice$ = hot('   -a----m---', { a: 'alice', m: 'alice: hi' });
      const signal$ = cold(' ---|------');
      const toAlice = '      oa----m---';
      const aliceSession = ' ^---------';
      const signal = '       ^--!------';

      const notes$ = chat(sessions$, {
        ...shutdownOf(signal$, 2),
        reader: readerOf(new Map([[alice, alice$]])),
      });
      expectObservable(notes$.pipe(notesOf(alice))).toBe(toAlice, {
        o: 'opened',
        a: '* welcome alice',
        m: 'from alice: hi',
      });
      expectSubscriptions(alice$.subscriptions).toBe(aliceSession);
      expectSubscriptions(signal$.subscriptions).toBe(signal);
    }),
  );

  it(
    'is replayed to who asks later, as long as somebody waits for the deadline',
    inVirtualTime(({ hot, expectObservable, expectSubscriptions }) => {
      const signal$ = hot(' --s-------');
      const late = '        -----^----';
      const drain = '       -----(d|)-';
      const deadline = '    -------(d|)';
      const signal = '      ^------!--';

      const { drain$, deadline$ } = shutdownOf(signal$, 5);
      expectObservable(deadline$.pipe(moment('d'))).toBe(deadline);
      expectObservable(drain$.pipe(moment('d')), late).toBe(drain);
      expectSubscriptions(signal$.subscriptions).toBe(signal);
    }),
  );

  it(
    'is not asked for again when it has completed: it is replayed then too',
    inVirtualTime(({ cold, expectObservable, expectSubscriptions }) => {
      const signal$ = cold('--s|------');
      const late = '        -----^----';
      const drain = '       -----(d|)-';
      const deadline = '    -------(d|)';
      const signal = '      ^--!------';

      const { drain$, deadline$ } = shutdownOf(signal$, 5);
      expectObservable(deadline$.pipe(moment('d'))).toBe(deadline);
      expectObservable(drain$.pipe(moment('d')), late).toBe(drain);
      expectSubscriptions(signal$.subscriptions).toBe(signal);
    }),
  );

  it(
    'may be an AbortSignal',
    inVirtualTime(({ hot, expectObservable }) => {
      const abort$ = hot('--a-------');
      const drain = '     --(d|)----';
      const deadline = '  -------(d|)';

      const controller = new AbortController();
      abort$.subscribe(() => {
        controller.abort();
      });
      const { drain$, deadline$ } = shutdownOf(controller.signal, 5);
      expectObservable(drain$.pipe(moment('d'))).toBe(drain);
      expectObservable(deadline$.pipe(moment('d'))).toBe(deadline);
    }),
  );

  it(
    'may be an AbortSignal that was raised before',
    inVirtualTime(({ expectObservable }) => {
      const drain = '   (d|)------';
      const deadline = '-----(d|)--';

      const { drain$, deadline$ } = shutdownOf(AbortSignal.abort(), 5);
      expectObservable(drain$.pipe(moment('d'))).toBe(drain);
      expectObservable(deadline$.pipe(moment('d'))).toBe(deadline);
    }),
  );

  it(
    'may be left out: nothing ends',
    inVirtualTime(({ expectObservable }) => {
      const { drain$, deadline$ } = shutdownOf(undefined, 0);
      expectObservable(drain$).toBe('---');
      expectObservable(deadline$).toBe('---');
    }),
  );
});
