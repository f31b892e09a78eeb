import { it } from './support/it.ts';
import { heard, typed } from './support/values.ts';

describe('Order', () => {
  it('is kept between one sender and one recipient, also within a frame', ({ broker }) => {
    const { expectHeard, expectSubscriptions } = broker(typed, {
      bob: '   b------------',
      alice: ' -a--1-2(34)--',
    });
    expectHeard(heard, {
      bob: '   b---1-2(34)--',
      alice: ' -a-----------',
    });
    expectSubscriptions({
      bob: '   ^------------',
      alice: ' ^------------',
    });
  });

  it('of two senders to one recipient is the order in which they were heard', ({ broker }) => {
    const { expectHeard, expectSubscriptions } = broker(typed, {
      bob: '   b-----------',
      carol: ' -c-1-2--3---',
      alice: ' -a--1---2---',
    });
    const texts = { ...heard, x: 'from carol: 1', y: 'from carol: 2', z: 'from carol: 3' };
    expectHeard(texts, {
      bob: '   b--x1y--(z2)',
    });
    expectSubscriptions({
      carol: ' ^-----------',
      alice: ' ^-----------',
    });
  });

  it('is kept in a block of lines to changing recipients', ({ broker }) => {
    const lines = { ...typed, B: 'bob: 1\nbob: 2\ncarol: 3\nbob, carol: 4\nbob: 5' };
    const { expectHeard, expectSubscriptions } = broker(lines, {
      bob: '   b--------',
      carol: ' c--------',
      alice: ' -a-B-----',
    });
    const texts = { ...heard, x: 'from alice: 1 / from alice: 2', y: 'from alice: 5' };
    expectHeard(texts, {
      bob: '   b--(x4y)-',
      carol: ' c--(34)--',
    });
    expectSubscriptions({ alice: '^--------' });
  });
});
