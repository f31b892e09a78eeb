import { Subject } from 'rxjs';
import { shutdownOf } from '../lib/shutdown.ts';
import { theBroker } from './support/broker.ts';
import { it } from './support/it.ts';
import { heard, typed } from './support/values.ts';

/** Alice logs in and writes to herself. */
const lines = { ...typed, 1: 'alice: 1' };

describe('A line in the frame of the drain', () => {
  it('is taken if it came first', ({ pipeline }) => {
    const { expectHeard, expectSubscriptions } = pipeline(lines, {
      sessions$: 'a-----',
      alice: '    -a--1-',
      drain$: '   ----d-',
    });
    expectHeard(heard, {
      alice: '    oa--(1S|)',
    });
    expectSubscriptions({
      alice: '    ^---!-',
      drain$: '   ^---!-',
    });
  });

  it('is not taken if the drain came first', ({ pipeline }) => {
    const { expectHeard, expectSubscriptions } = pipeline(lines, {
      sessions$: 'a-----',
      drain$: '   ----d-',
      alice: '    -a--1-',
    });
    expectHeard(heard, {
      alice: '    oa--(S|)',
    });
    expectSubscriptions({
      alice: '    ^---!-',
      drain$: '   ^---!-',
    });
  });

  it('is not taken if all is cold: the drain is subscribed first, so that nothing gets past it', ({
    pipelineWith,
  }) => {
    const { expectHeard, expectSubscriptions } = pipelineWith({ cold: true }, lines, {
      sessions$: 'a-----',
      alice: '    -a--1-',
      drain$: '   ----d-',
    });
    expectHeard(heard, {
      alice: '    oa--(S|)',
    });
    expectSubscriptions({
      sessions$: '^---!-',
      alice: '    ^---!-',
      drain$: '   ^---!-',
    });
  });
});

describe('A line in the frame of the shutdown signal', () => {
  it('is taken if it came first', ({ pipeline }) => {
    const { expectHeard, expectSubscriptions } = pipeline(lines, {
      sessions$: 'a-----',
      alice: '    -a--1-',
      signal$: '  ----s-',
    });
    expectHeard(heard, {
      alice: '    oa--(1S|)',
    });
    expectSubscriptions({
      alice: '    ^---!-',
      signal$: '  ^---!-',
    });
  });

  it('is taken if the signal came first, for the signal is heard when what is at work is done', ({
    pipeline,
  }) => {
    const { expectHeard, expectSubscriptions } = pipeline(lines, {
      sessions$: 'a-----',
      signal$: '  ----s-',
      alice: '    -a--1-',
    });
    expectHeard(heard, {
      alice: '    oa--(1S|)',
    });
    expectSubscriptions({
      alice: '    ^---!-',
      signal$: '  ^---!-',
    });
  });

  it('is taken with its whole block if a line of the block brought the signal about', ({ pipelineWith }) => {
    const signal$ = new Subject<void>();
    const broker = theBroker({}, () => {
      signal$.next();
    });
    const block = { B: 'alice\nalice: 1' };
    const { expectHeard, expectSubscriptions } = pipelineWith({ ...shutdownOf(signal$, 5), broker }, block, {
      sessions$: 'a-----',
      alice: '    ----B-',
    });
    expectHeard(heard, {
      alice: '    o---(a1S|)',
    });
    expectSubscriptions({
      alice: '    ^---!-',
    });
  });
});
