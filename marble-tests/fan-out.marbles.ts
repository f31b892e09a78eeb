import { filter, map, toArray } from 'rxjs';
import { it } from './support/it.ts';
import { heard, typed } from './support/values.ts';

const hi = { ...heard, m: 'from alice: hi' };

describe('A message to several recipients', () => {
  it('reaches each of them in the frame in which it was sent', ({ broker }) => {
    const lines = { ...typed, m: 'bob, carol: hi' };
    const { expectHeard, expectSubscriptions } = broker(lines, {
      bob: '   b-----',
      carol: ' c-----',
      alice: ' a--m--',
    });
    expectHeard(hi, {
      bob: '   b--m--',
      carol: ' c--m--',
      alice: ' a-----',
    });
    expectSubscriptions({ alice: '^-----' });
  });

  it('is one delivery for each of them, and its bytes are made once for all', ({
    broker,
    expectObservable,
  }) => {
    const lines = { ...typed, m: 'bob, carol: 1\nbob, carol: 2' };
    const { deliveries$, expectSubscriptions } = broker(lines, {
      bob: '   b-----|',
      carol: ' c-----|',
      alice: ' a--m--|',
    });
    const summary = '------(s|)';

    const messages$ = deliveries$.pipe(
      filter(({ payload }) => payload.count > 0),
      toArray(),
      map((messages) => ({
        to: messages.map(({ to }) => to.remote),
        counts: messages.map(({ payload }) => payload.count),
        buffers: new Set(messages.map(({ payload }) => payload.bytes)).size,
      })),
    );
    expectObservable(messages$).toBe(summary, {
      s: { to: ['bob', 'carol'], counts: [2, 2], buffers: 1 },
    });
    expectSubscriptions({ alice: '^-----!' });
  });

  it('reaches one that is named twice once', ({ broker }) => {
    const lines = { ...typed, m: 'bob,bob , bob: hi' };
    const { expectHeard, expectSubscriptions } = broker(lines, {
      bob: '   b-----',
      alice: ' a--m--',
    });
    expectHeard(hi, { bob: 'b--m--' });
    expectSubscriptions({ alice: '^-----' });
  });

  it('reaches its sender too if it is among them', ({ broker }) => {
    const lines = { ...typed, m: 'alice, bob: hi', n: 'alice: myself' };
    const { expectHeard, expectSubscriptions } = broker(lines, {
      bob: '   b------',
      alice: ' a--m-n-',
    });
    const texts = { ...hi, n: 'from alice: myself' };
    expectHeard(texts, {
      bob: '   b--m---',
      alice: ' a--m-n-',
    });
    expectSubscriptions({ alice: '^------' });
  });

  it('reaches those who are here and names those who are not to its sender', ({ broker }) => {
    const lines = { ...typed, m: 'zoe, bob, yann: hi' };
    const { expectHeard, expectSubscriptions } = broker(lines, {
      bob: '   b-----',
      alice: ' a--m--',
    });
    const texts = { ...hi, x: '! not-connected zoe / ! not-connected yann' };
    expectHeard(texts, {
      bob: '   b--m--',
      alice: ' a--x--',
    });
    expectSubscriptions({ alice: '^-----' });
  });
});
