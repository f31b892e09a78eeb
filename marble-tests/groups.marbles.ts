import { map } from 'rxjs';
import { it } from './support/it.ts';
import { nameOf } from './support/sessions.ts';
import { heard, typed } from './support/values.ts';

describe('The group of a session', () => {
  it('opens with the connection, before any login', ({ pipeline }) => {
    const { expectHeard, expectSubscriptions } = pipeline(typed, {
      sessions$: 'a-m---',
      alice: '    ---a--',
      mute: '     ------',
    });
    expectHeard(heard, {
      alice: '    o--a--',
      mute: '     --o---',
    });
    expectSubscriptions({
      mute: '     --^---',
    });
  });

  it('closes with the last delivery while the others stay open', ({ pipeline }) => {
    const lines = { ...typed, q: '/quit', p: 'POST / HTTP/1.1\nHost: localhost' };
    const { expectHeard, expectSubscriptions } = pipeline(lines, {
      sessions$: 'abw--------',
      alice: '    ---a--|----',
      bob: '      ---b----q--',
      web: '      ----p------',
    });
    const texts = { ...heard, x: '! not-chat', X: 'closed not-chat' };
    expectHeard(texts, {
      alice: '    o--a--E----',
      bob: '      -o-b----Q--',
      web: '      --o-(xX)---',
    });
    expectSubscriptions({
      sessions$: '^----------',
      alice: '    ^-----!----',
    });
  });

  it('is not opened again by what comes after the last delivery', ({ pipeline }) => {
    const lines = { ...typed, B: 'bob\n/quit\nbob: 1\n/ping', x: 'alice: 2' };
    const { expectHeard, expectSubscriptions } = pipeline(lines, {
      sessions$: 'ab---------',
      bob: '      --B-x-|----',
      alice: '    --a-----3--',
    });
    const texts = { ...heard, x: '! not-connected bob' };
    expectHeard(texts, {
      bob: '      -o(bQ)-----',
      alice: '    o-a-----x--',
    });
    expectSubscriptions({
      bob: '      -^----!----',
    });
  });

  it('is not opened for a name that nobody has', ({ pipeline, expectObservable }) => {
    const lines = { ...typed, x: 'x: hi', y: 'y, z: hi' };
    const { notes$, expectSubscriptions } = pipeline(lines, {
      sessions$: 'a------',
      alice: '    -a-x-y-',
    });
    const notes = 'oa-x-y-';

    const toWhom$ = notes$.pipe(map(({ session, text }) => `to ${nameOf(session)}: ${text}`));
    expectObservable(toWhom$).toBe(notes, {
      o: 'to alice: opened',
      a: 'to alice: * welcome alice',
      x: 'to alice: ! not-connected x',
      y: 'to alice: ! not-connected y / ! not-connected z',
    });
    expectSubscriptions({ alice: '^------' });
  });
});
