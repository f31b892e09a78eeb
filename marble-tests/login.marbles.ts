import { it } from './support/it.ts';
import { heard, typed } from './support/values.ts';

describe('A login', () => {
  it('and messages in one block have the effect that they have in several', ({ broker }) => {
    const lines = { ...typed, B: 'alice\nbob: 1\n/ping\nbob: 2', p: '/ping' };
    const { expectHeard, expectSubscriptions } = broker(lines, {
      bob: '   b----------',
      alice: ' -B---------',
      carol: ' -----c1p2--',
    });
    const texts = { ...heard, p: '* pong', x: 'from carol: 1', y: 'from carol: 2' };
    expectHeard(texts, {
      bob: '   b(12)-x-y--',
      alice: ' -(ap)------',
      carol: ' -----c-p---',
    });
    expectSubscriptions({
      alice: ' ^----------',
      carol: ' ^----------',
    });
  });

  it('is needed before messages reach the name, also within a frame', ({ broker }) => {
    // In frame 2 alice comes first.
    const { expectHeard, expectSubscriptions } = broker(typed, {
      alice: ' a-1-1-',
      bob: '   --b---',
    });
    const texts = { ...heard, x: '! not-connected bob' };
    expectHeard(texts, {
      alice: ' a-x---',
      bob: '   --b-1-',
    });
    expectSubscriptions({
      alice: ' ^-----',
      bob: '   ^-----',
    });
  });

  it('that came first in a frame counts for a message in the same frame', ({ broker }) => {
    const { expectHeard, expectSubscriptions } = broker(typed, {
      bob: '   --b-----',
      alice: ' a-1-----',
    });
    expectHeard(heard, {
      alice: ' a-------',
      bob: '   --(b1)--',
    });
    expectSubscriptions({
      bob: '   ^-------',
    });
  });

  it('that is refused may be tried again, and no message before it counts', ({
    broker,
    expectObservable,
  }) => {
    const lines = { ...typed, i: '/alice', m: 'alice: hi' };
    const { told$, expectHeard, expectSubscriptions } = broker(lines, {
      alice: ' a--------',
      other: ' -a-i-m-bm',
    });
    const told = '   aT-I-M-B-';
    const texts = {
      ...heard,
      T: '! name-taken alice',
      I: '! name-invalid /alice',
      M: '! name-invalid alice',
      m: 'from bob: hi',
    };
    expectHeard(texts, {
      alice: ' a-------m',
      other: ' -T-I-M-b-',
    });
    expectObservable(told$).toBe(told, {
      a: { type: 'joined', name: 'alice', remote: 'alice' },
      T: { type: 'refused', code: 'name-taken', name: 'alice', remote: 'other' },
      I: { type: 'refused', code: 'name-invalid', name: undefined, remote: 'other' },
      M: { type: 'refused', code: 'name-invalid', name: undefined, remote: 'other' },
      B: { type: 'joined', name: 'bob', remote: 'other' },
    });
    expectSubscriptions({
      other: ' ^--------',
    });
  });

  it('that is refused and the next try may stand in one block', ({ broker }) => {
    const lines = { ...typed, B: 'alice\nbob\nalice: hi' };
    const { expectHeard, expectSubscriptions } = broker(lines, {
      alice: ' a------',
      other: ' --B----',
    });
    const texts = { ...heard, B: '! name-taken alice / * welcome bob', m: 'from bob: hi' };
    expectHeard(texts, {
      other: ' --B----',
      alice: ' a-m----',
    });
    expectSubscriptions({
      other: ' ^------',
    });
  });

  it('of two with one name in one frame is for the first of them', ({ broker }) => {
    const { expectHeard, expectSubscriptions } = broker(typed, {
      first: '  --a--',
      second: ' --a--',
    });
    const texts = { ...heard, x: '! name-taken alice' };
    expectHeard(texts, {
      first: '  --a--',
      second: ' --x--',
    });
    expectSubscriptions({
      first: '  ^----',
      second: ' ^----',
    });
  });
});
