import { it } from './support/it.ts';
import { heard, typed } from './support/values.ts';

describe('A session', () => {
  it('whose connection breaks ends alone', ({ pipeline }) => {
    const lines = { ...typed, z: 'zoe\n', n: 'bob, zoe: 2' };
    const { expectHeard, expectSubscriptions } = pipeline(lines, {
      sessions$: ' abz-------',
      alice: '     --a-1-n---',
      bob: '       --b-------',
      zoeSocket$: '---z-#----',
    });
    const texts = { ...heard, z: '* welcome zoe', x: '! not-connected zoe' };
    expectHeard(texts, {
      alice: '     o-a---x---',
      bob: '       -ob-1-2---',
      zoe: '       --oz-R----',
    });
    expectSubscriptions({
      sessions$: ' ^---------',
      alice: '     ^---------',
    });
  });

  it('that gives no name in time is turned away alone', ({ pipelineWith }) => {
    const lines = { ...typed, m: 'alice: 1' };
    const { expectHeard, expectSubscriptions } = pipelineWith({ loginTimeout: 5 }, lines, {
      sessions$: '  am---------',
      alice: '      --a------m-',
      muteSocket$: '-----------',
    });
    const texts = { ...heard, x: '! login-timeout', X: 'closed login-timeout' };
    expectHeard(texts, {
      alice: '      o-a------1-',
      mute: '       -o----(xX)-',
    });
    expectSubscriptions({
      alice: '      ^----------',
    });
  });

  it('whose writer is slow holds up nobody else', ({ pipeline }) => {
    const lines = { ...typed, q: 'quick', s: 'slow', 1: 'slow, quick: 1', 2: 'slow, quick: 2' };
    const { expectHeard, expectSubscriptions } = pipeline(lines, {
      sessions$: '  aqs----------',
      alice: '      ----a12------',
      quick: '      ---q---------',
      slow: '       ---s---------',
      slowWrites$: '---|',
    });
    const texts = { ...heard, q: '* welcome quick', s: '* welcome slow' };
    expectHeard(texts, {
      quick: '      -o-q-12------',
      slow: '       --o---s--1--2',
    });
    expectSubscriptions({
      alice: '      ^------------',
    });
  });

  it('that is amid a line at the shutdown has not said that line', ({ pipeline, flush }) => {
    const lines = { ...typed, A: 'alice\n', x: 'bob: ', y: '1\nbob: unfin', z: 'ish', w: 'ed\n' };
    const { session, expectHeard, expectSubscriptions } = pipeline(lines, {
      sessions$: '   ab--------',
      bob: '         --b-------',
      aliceSocket$: '--Axyz--w-',
      signal$: '     ------s---',
    });
    expectHeard(heard, {
      bob: '         -ob-1-(S|)',
    });
    expectSubscriptions({
      bob: '         -^----!---',
    });
    flush();
    expect(session('alice').accepted).toBe(1);
  });
});
