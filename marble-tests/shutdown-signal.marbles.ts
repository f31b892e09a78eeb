import { type Observable, map } from 'rxjs';
import type { RunHelpers } from 'rxjs/testing';
import { type ShutdownSignal, shutdownOf } from '../lib/shutdown.ts';
import { it } from './support/it.ts';
import { heard, typed } from './support/values.ts';

interface Moments {
  /** When the drain is subscribed; from the start if left out. */
  readonly late?: string;
  readonly drain$: string;
  readonly deadline$: string;
}

/** Expects the moments of a shutdown that may take 5 ms. What their values are does not matter. */
function expectMoments(
  { expectObservable }: RunHelpers,
  signal: ShutdownSignal | undefined,
  expected: Moments,
) {
  const { drain$, deadline$ } = shutdownOf(signal, 5);
  const asLetter = (moment$: Observable<unknown>) => moment$.pipe(map(() => 'd'));
  expectObservable(asLetter(deadline$)).toBe(expected.deadline$);
  expectObservable(asLetter(drain$), expected.late).toBe(expected.drain$);
}

describe('The signal of a shutdown', () => {
  it('begins the drain, and the deadline comes the timeout later', (time) => {
    const signal$ = time.hot('--s-------');
    expectMoments(time, signal$, {
      drain$: '               --(d|)----',
      deadline$: '            -------(d|)',
    });
    const subscription = '    ^------!--';
    time.expectSubscriptions(signal$.subscriptions).toBe(subscription);
  });

  it('brings the deadline at once by its second value, and a third is nothing', (time) => {
    const signal$ = time.hot('--s-s-s---');
    expectMoments(time, signal$, {
      drain$: '               --(d|)----',
      deadline$: '            ----(d|)--',
    });
    const subscription = '    ^---!-----';
    time.expectSubscriptions(signal$.subscriptions).toBe(subscription);
  });

  it('may give both values in one frame', (time) => {
    const signal$ = time.hot('--(st)----');
    expectMoments(time, signal$, {
      drain$: '               --(d|)----',
      deadline$: '            --(d|)----',
    });
    const subscription = '    ^-!-------';
    time.expectSubscriptions(signal$.subscriptions).toBe(subscription);
  });

  it('may complete after its value: the deadline comes all the same', (time) => {
    const signal$ = time.cold('--s|------');
    expectMoments(time, signal$, {
      drain$: '                --(d|)----',
      deadline$: '             -------(d|)',
    });
    const subscription = '     ^--!------';
    time.expectSubscriptions(signal$.subscriptions).toBe(subscription);
  });

  it('is none if it completes without a value: the chat goes on', ({ pipeline }) => {
    const lines = { ...typed, 1: 'alice: 1' };
    const { expectHeard, expectSubscriptions } = pipeline(lines, {
      sessions$: 'a---------',
      alice: '    -a----1---',
      signal$: '  ---|------',
    });
    expectHeard(heard, {
      alice: '    oa----1---',
    });
    expectSubscriptions({
      alice: '    ^---------',
      signal$: '  ^--!------',
    });
  });

  it('is replayed to who asks later, as long as somebody waits for the deadline', (time) => {
    const signal$ = time.hot('--s-------');
    expectMoments(time, signal$, {
      late: '                 -----^----',
      drain$: '               -----(d|)-',
      deadline$: '            -------(d|)',
    });
    const subscription = '    ^------!--';
    time.expectSubscriptions(signal$.subscriptions).toBe(subscription);
  });

  it('is not asked for again when it has completed: it is replayed then too', (time) => {
    const signal$ = time.cold('--s|------');
    expectMoments(time, signal$, {
      late: '                  -----^----',
      drain$: '                -----(d|)-',
      deadline$: '             -------(d|)',
    });
    const subscription = '     ^--!------';
    time.expectSubscriptions(signal$.subscriptions).toBe(subscription);
  });

  it('may be an AbortSignal', (time) => {
    const controller = new AbortController();
    time.hot('    --a-------').subscribe(() => {
      controller.abort();
    });
    expectMoments(time, controller.signal, {
      drain$: '   --(d|)----',
      deadline$: '-------(d|)',
    });
  });

  it('may be an AbortSignal that was raised before', (time) => {
    expectMoments(time, AbortSignal.abort(), {
      drain$: '   (d|)------',
      deadline$: '-----(d|)--',
    });
  });

  it('may be left out: nothing ends', (time) => {
    expectMoments(time, undefined, {
      drain$: '   ------',
      deadline$: '------',
    });
  });
});
