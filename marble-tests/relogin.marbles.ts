import { it } from './support/it.ts';
import { heard, typed } from './support/values.ts';

describe('A name that is used again', () => {
  it('is a new recipient: the old one gets what was sent to it, and nothing else, however long its writer takes', ({
    pipeline,
  }) => {
    const { expectHeard, expectSubscriptions } = pipeline(typed, {
      sessions$: ' ao-----y--------',
      alice: '     --a-12---34-----',
      old: '       --b---|---------',
      young: '     --------b-------',
      oldWrites$: '---|',
    });
    expectHeard(heard, {
      old: '       -o---b--1--(2E)-',
      young: '     -------ob34-----',
    });
    expectSubscriptions({
      old: '       -^----!---------',
      sessions$: ' ^---------------',
    });
  });

  it('is nobody between the two sessions', ({ pipeline }) => {
    const { expectHeard, expectSubscriptions } = pipeline(typed, {
      sessions$: 'aoy-------',
      alice: '    -a-1-2-3--',
      old: '      --b-|-----',
      young: '    ------b---',
    });
    const texts = { ...heard, x: '! not-connected bob' };
    expectHeard(texts, {
      alice: '    oa---x----',
      old: '      -ob1E-----',
      young: '    --o---b3--',
    });
    expectSubscriptions({
      old: '      -^--!-----',
      young: '    --^-------',
    });
  });

  it('is free in the frame in which its session ended, but not before that end', ({ pipeline }) => {
    // All three act in frame 4, in the order in which they stand here.
    const { expectHeard, expectSubscriptions } = pipeline(typed, {
      sessions$: 'eol----',
      early: '    ----b--',
      old: '      --b-|--',
      late: '     ----b--',
    });
    const texts = { ...heard, x: '! name-taken bob' };
    expectHeard(texts, {
      early: '    o---x--',
      old: '      -ob-E--',
      late: '     --o-b--',
    });
    expectSubscriptions({
      old: '      -^--!--',
    });
  });

  it('has two writers to wait for at a shutdown while the old one still writes', ({ pipeline }) => {
    const lines = { O: 'bob\nbob: 1', Y: 'bob\nbob: 2\n/ping' };
    const { expectHeard, expectSubscriptions } = pipeline(lines, {
      sessions$: 'oy------------',
      old: '      --O|----------',
      young: '    ----Y---------',
      drain$: '   ------d-------',
      writes$: '  ---|',
    });
    const texts = { ...heard, 1: 'from bob: 1', 2: 'from bob: 2', p: '* pong' };
    expectHeard(texts, {
      old: '      o----b--(1E)-|',
      young: '    -o-----b--2--(pS|)',
    });
    expectSubscriptions({
      old: '      ^--!----------',
      young: '    -^----!-------',
    });
  });
});
