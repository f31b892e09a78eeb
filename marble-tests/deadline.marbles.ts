import { it } from './support/it.ts';
import { heard, typed } from './support/values.ts';

describe('The deadline', () => {
  it('cuts off the writer that is not done, and the pipeline completes', ({ pipeline }) => {
    const { expectHeard, expectSubscriptions } = pipeline(typed, {
      sessions$: '   as----------',
      drain$: '      ---d--------',
      deadline$: '   ---------d--',
      aliceFlush$: '    --|',
      stuckFlush$: '    ---------',
    });
    expectHeard(heard, {
      alice: '       o----S---|--',
      stuck: '       -o-------|--',
    });
    expectSubscriptions({
      aliceFlush$: ' ---^-!------',
      stuckFlush$: ' ---^-----!--',
      deadline$: '   ^--------!--',
    });
  });

  it('is waited for no longer than there are writers', ({ pipeline }) => {
    const { expectHeard, expectSubscriptions } = pipeline(typed, {
      sessions$: 'a-------',
      alice: '    --------',
      signal$: '  --s-----',
      flush$: '     ---|',
    });
    expectHeard(heard, {
      alice: '    o----(S|)',
    });
    expectSubscriptions({
      flush$: '   --^--!--',
      signal$: '  ^----!--',
    });
  });

  it('comes the drain timeout after the signal', ({ pipeline }) => {
    const { expectHeard, expectSubscriptions } = pipeline(typed, {
      sessions$: 's---------',
      stuck: '    ----------',
      signal$: '  --s-------',
      flush$: '     --------',
    });
    expectHeard(heard, {
      stuck: '    o------|--',
    });
    expectSubscriptions({
      sessions$: '^-!-------',
      flush$: '   --^----!--',
      signal$: '  ^------!--',
    });
  });

  it('comes with a second signal, and cuts off at once', ({ pipeline }) => {
    const { expectHeard, expectSubscriptions } = pipeline(typed, {
      sessions$: 's---------',
      stuck: '    ----------',
      signal$: '  --s-s-----',
      flush$: '     --------',
    });
    expectHeard(heard, {
      stuck: '    o---|-----',
    });
    expectSubscriptions({
      sessions$: '^-!-------',
      flush$: '   --^-!-----',
      signal$: '  ^---!-----',
    });
  });
});
