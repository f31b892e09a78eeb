import { Subject, concat, tap } from 'rxjs';
import type { Session } from '../lib/model/session.ts';
import { chat, inVirtualTime, notesOf, peer, readerOf, slowly, theBroker } from './marbles.ts';

describe('A shutdown', () => {
  it(
    'completes stage after stage, and the pipeline with the slowest writer',
    inVirtualTime(({ hot, cold, expectObservable, expectSubscriptions }) => {
      const [alice, bob, mute] = [peer('alice'), peer('bob'), peer('mute')];
      const sessions$ = hot(' abm-----------', { a: alice, b: bob, m: mute });
      const alice$ = hot('    --a--1---2----', { a: 'alice', 1: 'bob: 1', 2: 'bob: 2' });
      const bob$ = hot('      --b-----------', { b: 'bob' });
      const mute$ = hot('     --------------');
      const drain$ = hot('    ------d-------');
      const aliceFlush$ = cold<never>('---|');
      const bobFlush$ = cold<never>('  ------|');

      const sessions = '      ^-----!-------';
      const aliceSession = '  ^-----!-------';
      const bobSession = '    -^----!-------';
      const muteSession = '   --^---!-------';
      const brokerEnd = '     ------c-------';
      const aliceFlush = '    ------^--!----';
      const bobFlush = '      ------^-----!-';
      const toAlice = '       o-a------c--|-';
      const toBob = '         -ob--1------(c|)';
      const toMute = '        --o---c-----|-';

      const end$ = new Subject<string>();
      const stage = theBroker();
      const notes$ = chat(sessions$, {
        drain$,
        reader: readerOf(
          new Map([
            [alice, alice$],
            [bob, bob$],
            [mute, mute$],
          ]),
        ),
        broker: (events$) =>
          events$.pipe(
            stage,
            tap({
              complete: () => {
                end$.next('completed');
              },
            }),
          ),
        writing: (pending$, session) => {
          if (session === alice) return concat(pending$, aliceFlush$);
          return session === bob ? concat(pending$, bobFlush$) : pending$;
        },
      });
      const closed = { o: 'opened', c: 'closed shutdown' };
      expectObservable(notes$.pipe(notesOf(alice))).toBe(toAlice, { ...closed, a: '* welcome alice' });
      expectObservable(notes$.pipe(notesOf(bob))).toBe(toBob, {
        ...closed,
        b: '* welcome bob',
        1: 'from alice: 1',
      });
      expectObservable(notes$.pipe(notesOf(mute))).toBe(toMute, closed);
      expectObservable(end$).toBe(brokerEnd, { c: 'completed' });
      expectSubscriptions(sessions$.subscriptions).toBe(sessions);
      expectSubscriptions(alice$.subscriptions).toBe(aliceSession);
      expectSubscriptions(bob$.subscriptions).toBe(bobSession);
      expectSubscriptions(mute$.subscriptions).toBe(muteSession);
      expectSubscriptions(aliceFlush$.subscriptions).toBe(aliceFlush);
      expectSubscriptions(bobFlush$.subscriptions).toBe(bobFlush);
    }),
  );

  it(
    'delivers everything that waits for a slow writer',
    inVirtualTime(({ hot, expectObservable, expectSubscriptions }) => {
      const [alice, bob] = [peer('alice'), peer('bob')];
      const typed = { a: 'alice', b: 'bob', 1: 'bob: 1', 2: 'bob: 2', 3: 'bob: 3' };
      const sessions$ = hot('ab-------------', { a: alice, b: bob });
      const alice$ = hot('   --a123---------', typed);
      const bob$ = hot('     --b------------', typed);
      const drain$ = hot('   ------d--------');
      const toBob = '        -o---b--1--2--(3c|)';
      const bobSession = '   -^----!--------';

      const notes$ = chat(sessions$, {
        drain$,
        reader: readerOf(
          new Map([
            [alice, alice$],
            [bob, bob$],
          ]),
        ),
        writing: slowly(3),
      });
      expectObservable(notes$.pipe(notesOf(bob))).toBe(toBob, {
        o: 'opened',
        b: '* welcome bob',
        1: 'from alice: 1',
        2: 'from alice: 2',
        3: 'from alice: 3',
        c: 'closed shutdown',
      });
      expectSubscriptions(bob$.subscriptions).toBe(bobSession);
    }),
  );

  it(
    'waits for the writer of a session that ended before it',
    inVirtualTime(({ hot, cold, expectObservable, expectSubscriptions }) => {
      const alice = peer('alice');
      const sessions$ = hot('      a--------', { a: alice });
      const alice$ = hot('         -a-|-----', { a: 'alice' });
      const drain$ = hot('         -----d---');
      const flush$ = cold<never>('    ----|-');
      const toAlice = '            oa-----(c|)';
      const aliceSession = '       ^--!-----';
      const sessions = '           ^----!---';
      const flush = '              ---^---!-';

      const notes$ = chat(sessions$, {
        drain$,
        reader: readerOf(new Map([[alice, alice$]])),
        writing: (pending$) => concat(pending$, flush$),
      });
      expectObservable(notes$.pipe(notesOf(alice))).toBe(toAlice, {
        o: 'opened',
        a: '* welcome alice',
        c: 'closed eof',
      });
      expectSubscriptions(sessions$.subscriptions).toBe(sessions);
      expectSubscriptions(alice$.subscriptions).toBe(aliceSession);
      expectSubscriptions(flush$.subscriptions).toBe(flush);
    }),
  );

  it(
    'of a server without sessions completes at once',
    inVirtualTime(({ hot, expectObservable, expectSubscriptions }) => {
      const sessions$ = hot<Session>('------');
      const drain$ = hot('   ---d--');
      const end = '          ---|--';
      const sessions = '     ^--!--';

      const notes$ = chat(sessions$, { drain$, reader: readerOf(new Map()) });
      expectObservable(notes$).toBe(end);
      expectSubscriptions(sessions$.subscriptions).toBe(sessions);
    }),
  );

  it(
    'is what completes a pipeline whose sessions have all ended: until then another may come',
    inVirtualTime(({ hot, expectObservable, expectSubscriptions }) => {
      const alice = peer('alice');
      const sessions$ = hot('a------', { a: alice });
      const alice$ = hot('   -a|----', { a: 'alice' });
      const drain$ = hot('   -----d-');
      const toAlice = '      oac--|-';
      const aliceSession = ' ^-!----';
      const sessions = '     ^----!-';

      const notes$ = chat(sessions$, { drain$, reader: readerOf(new Map([[alice, alice$]])) });
      expectObservable(notes$.pipe(notesOf(alice))).toBe(toAlice, {
        o: 'opened',
        a: '* welcome alice',
        c: 'closed eof',
      });
      expectSubscriptions(sessions$.subscriptions).toBe(sessions);
      expectSubscriptions(alice$.subscriptions).toBe(aliceSession);
    }),
  );
});
