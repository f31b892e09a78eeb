import { ReplaySubject } from 'rxjs';
import { shutdownOf } from '../lib/shutdown.ts';
import { it } from './support/it.ts';
import { heard, typed } from './support/values.ts';

describe('A connection that comes late', () => {
  it('is never read under a drain that is replayed, and nobody listens for it', ({ pipelineWith }) => {
    const drain$ = new ReplaySubject<void>(1);
    drain$.next();
    const { expectHeard, expectSubscriptions } = pipelineWith({ drain$, cold: true }, typed, {
      sessions$: 'a-----',
      alice: '    -a--1-',
    });
    expectHeard(heard, {
      alice: '    |-----',
    });
    expectSubscriptions({
      sessions$: '------',
      alice: '    ------',
    });
  });

  it('is never read when the shutdown began before the pipeline was subscribed', ({ hot, pipelineWith }) => {
    const signal = '  --s------';
    const earlyRun = '^--------';
    const lateRun = ' ----^----';

    // The first pipeline's slow writer keeps the shutdown in use, as any open connection does.
    const shutdown = shutdownOf(hot(signal), 100);
    const early = pipelineWith({ ...shutdown, cold: true, run: earlyRun }, typed, {
      sessions$: 'a--------',
      alice: '    ---------',
      flush$: '     -----|',
    });
    const late = pipelineWith({ ...shutdown, cold: true, run: lateRun }, typed, {
      sessions$: '    b----',
      bob: '          -----',
    });
    early.expectHeard(heard, {
      alice: '    o------(S|)',
    });
    early.expectSubscriptions({
      sessions$: '^-!------',
      flush$: '   --^----!-',
    });
    late.expectHeard(heard, {
      bob: '      ----|----',
    });
    late.expectSubscriptions({
      sessions$: '---------',
      bob: '      ---------',
    });
  });

  it('is never read if it comes in the frame of the drain, but after it', ({ pipeline }) => {
    const { expectHeard, expectSubscriptions } = pipeline(typed, {
      drain$: '   ---d--',
      sessions$: 'a--b--',
      alice: '    ------',
      bob: '      ------',
    });
    expectHeard(heard, {
      alice: '    o--(S|)',
      bob: '      ---|',
    });
    expectSubscriptions({
      sessions$: '^--!--',
      bob: '      ------',
    });
  });

  it('is told of the shutdown if it comes just before it', ({ pipeline }) => {
    const { expectHeard, expectSubscriptions } = pipeline(typed, {
      sessions$: '---b--',
      drain$: '   ---d--',
      bob: '      ------',
    });
    expectHeard(heard, {
      bob: '      ---(oS|)',
    });
    expectSubscriptions({
      sessions$: '^--!--',
      bob: '      ---(^!)',
    });
  });
});
