import { chat, inVirtualTime, notesOf, peer, readerOf, slowly } from './marbles.ts';

describe('A name that is used again', () => {
  it(
    'is a new recipient: the old one gets what was sent to it, and nothing else, however long its writer takes',
    inVirtualTime(({ hot, expectObservable, expectSubscriptions }) => {
      const [alice, old, young] = [peer('alice'), peer('old'), peer('young')];
      const messages = { a: 'alice', 1: 'bob: 1', 2: 'bob: 2', 3: 'bob: 3', 4: 'bob: 4' };
      const sessions$ = hot('ao-----y--------', { a: alice, o: old, y: young });
      const alice$ = hot('   --a-12---34-----', messages);
      const old$ = hot('     --b---|---------', { b: 'bob' });
      const young$ = hot('   --------b-------', { b: 'bob' });
      const toOld = '        -o---w--1--(2c)-';
      const toYoung = '      -------ow34-----';
      const oldSession = '   -^----!';
      const sessions = '     ^---------------';

      const notes$ = chat(sessions$, {
        reader: readerOf(
          new Map([
            [alice, alice$],
            [old, old$],
            [young, young$],
          ]),
        ),
        writing: (pending$, session) => (session === old ? slowly(3)(pending$) : pending$),
      });
      expectObservable(notes$.pipe(notesOf(old))).toBe(toOld, {
        o: 'opened',
        w: '* welcome bob',
        1: 'from alice: 1',
        2: 'from alice: 2',
        c: 'closed eof',
      });
      expectObservable(notes$.pipe(notesOf(young))).toBe(toYoung, {
        o: 'opened',
        w: '* welcome bob',
        3: 'from alice: 3',
        4: 'from alice: 4',
      });
      expectSubscriptions(old$.subscriptions).toBe(oldSession);
      expectSubscriptions(sessions$.subscriptions).toBe(sessions);
    }),
  );

  it(
    'is nobody between the two sessions',
    inVirtualTime(({ hot, expectObservable, expectSubscriptions }) => {
      const [alice, old, young] = [peer('alice'), peer('old'), peer('young')];
      const messages = { a: 'alice', 1: 'bob: 1', 2: 'bob: 2', 3: 'bob: 3' };
      const sessions$ = hot('aoy-------', { a: alice, o: old, y: young });
      const alice$ = hot('   -a-1-2-3--', messages);
      const old$ = hot('     --b-|', { b: 'bob' });
      const young$ = hot('   ------b---', { b: 'bob' });
      const toAlice = '      oa---e----';
      const toOld = '        -ob1c-----';
      const toYoung = '      --o---b3--';
      const oldSession = '   -^--!';
      const youngSession = ' --^-------';

      const notes$ = chat(sessions$, {
        reader: readerOf(
          new Map([
            [alice, alice$],
            [old, old$],
            [young, young$],
          ]),
        ),
      });
      expectObservable(notes$.pipe(notesOf(alice))).toBe(toAlice, {
        o: 'opened',
        a: '* welcome alice',
        e: '! not-connected bob',
      });
      const toBob = {
        o: 'opened',
        b: '* welcome bob',
        1: 'from alice: 1',
        3: 'from alice: 3',
        c: 'closed eof',
      };
      expectObservable(notes$.pipe(notesOf(old))).toBe(toOld, toBob);
      expectObservable(notes$.pipe(notesOf(young))).toBe(toYoung, toBob);
      expectSubscriptions(old$.subscriptions).toBe(oldSession);
      expectSubscriptions(young$.subscriptions).toBe(youngSession);
    }),
  );

  it(
    'is free in the frame in which its session ended, but not before that end',
    inVirtualTime(({ hot, expectObservable, expectSubscriptions }) => {
      const [early, old, late] = [peer('early'), peer('old'), peer('late')];
      const sessions$ = hot('eol----', { e: early, o: old, l: late });
      // All three act in frame 4, in the order in which their hot Observables are made.
      const early$ = hot('   ----b--', { b: 'bob' });
      const old$ = hot('     --b-|', { b: 'bob' });
      const late$ = hot('    ----b--', { b: 'bob' });
      const toEarly = '      o---t--';
      const toOld = '        -ob-c--';
      const toLate = '       --o-b--';
      const oldSession = '   -^--!';

      const notes$ = chat(sessions$, {
        reader: readerOf(
          new Map([
            [early, early$],
            [old, old$],
            [late, late$],
          ]),
        ),
      });
      const texts = { o: 'opened', b: '* welcome bob', t: '! name-taken bob', c: 'closed eof' };
      expectObservable(notes$.pipe(notesOf(early))).toBe(toEarly, texts);
      expectObservable(notes$.pipe(notesOf(old))).toBe(toOld, texts);
      expectObservable(notes$.pipe(notesOf(late))).toBe(toLate, texts);
      expectSubscriptions(old$.subscriptions).toBe(oldSession);
    }),
  );

  it(
    'has two writers to wait for at a shutdown while the old one still writes',
    inVirtualTime(({ hot, expectObservable, expectSubscriptions }) => {
      const [old, young] = [peer('old'), peer('young')];
      const sessions$ = hot('oy------------', { o: old, y: young });
      const old$ = hot('     --B|----------', { B: 'bob\nbob: 1' });
      const young$ = hot('   ----B---------', { B: 'bob\nbob: 2\n/ping' });
      const drain$ = hot('   ------d-------');
      const toOld = '        o----w--(1c)-|';
      const toYoung = '      -o-----w--2--(pc|)';
      const oldSession = '   ^--!';
      const youngSession = ' -^----!';

      const notes$ = chat(sessions$, {
        drain$,
        reader: readerOf(
          new Map([
            [old, old$],
            [young, young$],
          ]),
        ),
        writing: slowly(3),
      });
      expectObservable(notes$.pipe(notesOf(old))).toBe(toOld, {
        o: 'opened',
        w: '* welcome bob',
        1: 'from bob: 1',
        c: 'closed eof',
      });
      expectObservable(notes$.pipe(notesOf(young))).toBe(toYoung, {
        o: 'opened',
        w: '* welcome bob',
        2: 'from bob: 2',
        p: '* pong',
        c: 'closed shutdown',
      });
      expectSubscriptions(old$.subscriptions).toBe(oldSession);
      expectSubscriptions(young$.subscriptions).toBe(youngSession);
    }),
  );
});
