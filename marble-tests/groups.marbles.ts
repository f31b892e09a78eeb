import { map } from 'rxjs';
import { chat, inVirtualTime, notesOf, peer, readerOf } from './marbles.ts';

describe('The group of a session', () => {
  it(
    'opens with the connection, before any login',
    inVirtualTime(({ hot, expectObservable, expectSubscriptions }) => {
      const [alice, mute] = [peer('alice'), peer('mute')];
      const sessions$ = hot('a-m---', { a: alice, m: mute });
      const alice$ = hot('   ---a--', { a: 'alice' });
      const mute$ = hot('    ------');
      const toAlice = '      o--a--';
      const toMute = '       --o---';
      const muteSession = '  --^---';

      const notes$ = chat(sessions$, {
        reader: readerOf(
          new Map([
            [alice, alice$],
            [mute, mute$],
          ]),
        ),
      });
      const texts = { o: 'opened', a: '* welcome alice' };
      expectObservable(notes$.pipe(notesOf(alice))).toBe(toAlice, texts);
      expectObservable(notes$.pipe(notesOf(mute))).toBe(toMute, texts);
      expectSubscriptions(mute$.subscriptions).toBe(muteSession);
    }),
  );

  it(
    'closes with the last delivery while the others stay open',
    inVirtualTime(({ hot, expectObservable, expectSubscriptions }) => {
      const [alice, bob, web] = [peer('alice'), peer('bob'), peer('web')];
      const sessions$ = hot('abw--------', { a: alice, b: bob, w: web });
      const alice$ = hot('   ---a--|----', { a: 'alice' });
      const bob$ = hot('     ---b----q--', { b: 'bob', q: '/quit' });
      const web$ = hot('     ----p------', { p: 'POST / HTTP/1.1\nHost: localhost' });
      const toAlice = '      o--a--c----';
      const toBob = '        -o-b----c--';
      const toWeb = '        --o-(nc)---';
      const aliceSession = ' ^-----!----';
      const sessions = '     ^----------';

      const notes$ = chat(sessions$, {
        reader: readerOf(
          new Map([
            [alice, alice$],
            [bob, bob$],
            [web, web$],
          ]),
        ),
      });
      expectObservable(notes$.pipe(notesOf(alice))).toBe(toAlice, {
        o: 'opened',
        a: '* welcome alice',
        c: 'closed eof',
      });
      expectObservable(notes$.pipe(notesOf(bob))).toBe(toBob, {
        o: 'opened',
        b: '* welcome bob',
        c: 'closed quit',
      });
      expectObservable(notes$.pipe(notesOf(web))).toBe(toWeb, {
        o: 'opened',
        n: '! not-chat',
        c: 'closed not-chat',
      });
      expectSubscriptions(alice$.subscriptions).toBe(aliceSession);
      expectSubscriptions(sessions$.subscriptions).toBe(sessions);
    }),
  );

  it(
    'is not opened again by what comes after the last delivery',
    inVirtualTime(({ hot, expectObservable, expectSubscriptions }) => {
      const [alice, bob] = [peer('alice'), peer('bob')];
      const sessions$ = hot('ab---------', { a: alice, b: bob });
      const bob$ = hot('     --B-x-|----', { B: 'bob\n/quit\nbob: 1\n/ping', x: 'alice: 2' });
      const alice$ = hot('   --a-----m--', { a: 'alice', m: 'bob: 3' });
      const toBob = '        -o(bc)-----';
      const toAlice = '      o-a-----e--';
      const bobSession = '   -^----!----';

      const notes$ = chat(sessions$, {
        reader: readerOf(
          new Map([
            [alice, alice$],
            [bob, bob$],
          ]),
        ),
      });
      expectObservable(notes$.pipe(notesOf(bob))).toBe(toBob, {
        o: 'opened',
        b: '* welcome bob',
        c: 'closed quit',
      });
      expectObservable(notes$.pipe(notesOf(alice))).toBe(toAlice, {
        o: 'opened',
        a: '* welcome alice',
        e: '! not-connected bob',
      });
      expectSubscriptions(bob$.subscriptions).toBe(bobSession);
    }),
  );

  it(
    'is not opened for a name that nobody has',
    inVirtualTime(({ hot, expectObservable, expectSubscriptions }) => {
      const alice = peer('alice');
      const sessions$ = hot('a------', { a: alice });
      const alice$ = hot('   -a-x-y-', { a: 'alice', x: 'x: hi', y: 'y, z: hi' });
      const notes = '        oa-x-y-';
      const subscription = ' ^------';

      const notes$ = chat(sessions$, { reader: readerOf(new Map([[alice, alice$]])) });
      expectObservable(notes$.pipe(map(({ session, text }) => `to ${session.remote}: ${text}`))).toBe(notes, {
        o: 'to alice: opened',
        a: 'to alice: * welcome alice',
        x: 'to alice: ! not-connected x',
        y: 'to alice: ! not-connected y / ! not-connected z',
      });
      expectSubscriptions(alice$.subscriptions).toBe(subscription);
    }),
  );
});
