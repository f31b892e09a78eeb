import { reader } from '../lib/readers/reader.ts';
import { shutdownOf } from '../lib/shutdown.ts';
import { anyTime, chat, inVirtualTime, notesOf, peer, readerOf, slowly } from './marbles.ts';

const limits = { maxLine: 100, loginTimeout: 30_000, idleTimeout: 0, maxRate: 0 };

describe('A session', () => {
  it(
    'whose connection breaks ends alone',
    inVirtualTime(({ hot, expectObservable, expectSubscriptions }) => {
      const [alice, bob, broken] = [peer('alice'), peer('bob'), peer('broken')];
      const typed = { a: 'alice', b: 'bob', m: 'bob: hi', n: 'bob, zoe: hi' };
      const sessions$ = hot('abz-------', { a: alice, b: bob, z: broken });
      const alice$ = hot('   --a-m-n---', typed);
      const bob$ = hot('     --b-------', typed);
      const socket$ = hot('  ---z-#----', { z: 'zoe\n' });
      const toAlice = '      o-a---e---';
      const toBob = '        -ob-m-n---';
      const toBroken = '     --oz-c----';
      const sessions = '     ^---------';
      const aliceSession = ' ^---------';

      // A stream tells of its end in real time, so here its events are made by hand.
      socket$.subscribe({
        next: (chunk) => broken.socket.emit('data', Buffer.from(chunk)),
        error: () => broken.socket.emit('close'),
      });
      const others = readerOf(
        new Map([
          [alice, alice$],
          [bob, bob$],
        ]),
      );
      const notes$ = chat(sessions$, {
        reader: (session) => (session === broken ? reader(session, limits, anyTime) : others(session)),
      });
      expectObservable(notes$.pipe(notesOf(alice))).toBe(toAlice, {
        o: 'opened',
        a: '* welcome alice',
        e: '! not-connected zoe',
      });
      expectObservable(notes$.pipe(notesOf(bob))).toBe(toBob, {
        o: 'opened',
        b: '* welcome bob',
        m: 'from alice: hi',
        n: 'from alice: hi',
      });
      expectObservable(notes$.pipe(notesOf(broken))).toBe(toBroken, {
        o: 'opened',
        z: '* welcome zoe',
        c: 'closed reset',
      });
      expectSubscriptions(sessions$.subscriptions).toBe(sessions);
      expectSubscriptions(alice$.subscriptions).toBe(aliceSession);
    }),
  );

  it(
    'that gives no name in time is turned away alone',
    inVirtualTime(({ hot, expectObservable, expectSubscriptions }) => {
      const [alice, mute] = [peer('alice'), peer('mute')];
      const sessions$ = hot('am---------', { a: alice, m: mute });
      const alice$ = hot('   --a------m-', { a: 'alice', m: 'alice: hi' });
      const toAlice = '      o-a------m-';
      const toMute = '       -o----(tc)-';
      const aliceSession = ' ^----------';

      const others = readerOf(new Map([[alice, alice$]]));
      const notes$ = chat(sessions$, {
        reader: (session) =>
          session === mute ? reader(session, { ...limits, loginTimeout: 5 }, anyTime) : others(session),
      });
      expectObservable(notes$.pipe(notesOf(alice))).toBe(toAlice, {
        o: 'opened',
        a: '* welcome alice',
        m: 'from alice: hi',
      });
      expectObservable(notes$.pipe(notesOf(mute))).toBe(toMute, {
        o: 'opened',
        t: '! login-timeout',
        c: 'closed login-timeout',
      });
      expectSubscriptions(alice$.subscriptions).toBe(aliceSession);
    }),
  );

  it(
    'whose writer is slow holds up nobody else',
    inVirtualTime(({ hot, expectObservable, expectSubscriptions }) => {
      const [alice, quick, slow] = [peer('alice'), peer('quick'), peer('slow')];
      const typed = { q: 'quick', s: 'slow', a: 'alice', 1: 'slow, quick: 1', 2: 'slow, quick: 2' };
      const sessions$ = hot('aqs----------', { a: alice, q: quick, s: slow });
      const alice$ = hot('   ----a12------', typed);
      const quick$ = hot('   ---q---------', typed);
      const slow$ = hot('    ---s---------', typed);
      const toQuick = '      -o-q-12------';
      const toSlow = '       --o---s--1--2';
      const aliceSession = ' ^------------';

      const notes$ = chat(sessions$, {
        reader: readerOf(
          new Map([
            [alice, alice$],
            [quick, quick$],
            [slow, slow$],
          ]),
        ),
        writing: (pending$, session) => (session === slow ? slowly(3)(pending$) : pending$),
      });
      const messages = { o: 'opened', 1: 'from alice: 1', 2: 'from alice: 2' };
      expectObservable(notes$.pipe(notesOf(quick))).toBe(toQuick, { ...messages, q: '* welcome quick' });
      expectObservable(notes$.pipe(notesOf(slow))).toBe(toSlow, { ...messages, s: '* welcome slow' });
      expectSubscriptions(alice$.subscriptions).toBe(aliceSession);
    }),
  );

  it(
    'that is amid a line at the shutdown has not said that line',
    inVirtualTime(({ hot, expectObservable, expectSubscriptions, flush }) => {
      const [alice, bob] = [peer('alice'), peer('bob')];
      const sessions$ = hot('ab--------', { a: alice, b: bob });
      const bob$ = hot('     --b-------', { b: 'bob' });
      const socket$ = hot('  --axyz--w-', {
        a: 'alice\n',
        x: 'bob: wh',
        y: 'ole\nbob: unfin',
        z: 'ish',
        w: 'ed\n',
      });
      const signal$ = hot('  ------s---');
      const toBob = '        -ob-m-(c|)';
      const bobSession = '   -^----!---';

      socket$.subscribe((chunk) => alice.socket.emit('data', Buffer.from(chunk)));
      const others = readerOf(new Map([[bob, bob$]]));
      const notes$ = chat(sessions$, {
        ...shutdownOf(signal$, 5),
        reader: (session) => (session === alice ? reader(session, limits, anyTime) : others(session)),
      });
      expectObservable(notes$.pipe(notesOf(bob))).toBe(toBob, {
        o: 'opened',
        b: '* welcome bob',
        m: 'from alice: whole',
        c: 'closed shutdown',
      });
      expectSubscriptions(bob$.subscriptions).toBe(bobSession);
      flush();
      expect(alice.accepted).toBe(1);
    }),
  );
});
