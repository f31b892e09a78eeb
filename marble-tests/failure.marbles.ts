import { Subject, ignoreElements, pipe, tap } from 'rxjs';
import type { SessionEvent } from '../lib/model/events.ts';
import { theBroker } from './support/broker.ts';
import { it } from './support/it.ts';
import { broke, heard, typed } from './support/values.ts';

describe('The pipeline', () => {
  it('fails with its listener, and the broker does not hear of it', ({ pipelineWith, expectObservable }) => {
    const events$ = new Subject<SessionEvent>();
    const broker = pipe(tap<SessionEvent>(events$), theBroker());
    const { expectHeard, expectSubscriptions } = pipelineWith({ broker }, typed, {
      sessions$: '   ag--#---',
      alice: '       --a-----',
      gone: '        --|-----',
      flush$: '        ------',
    });
    const brokerEnd = '--------';

    expectHeard(heard, {
      alice: '       o-a-#---',
    });
    expectObservable(events$.pipe(ignoreElements())).toBe(brokerEnd);
    expectSubscriptions({
      sessions$: '   ^---!---',
      alice: '       ^---!---',
      gone: '        -^!-----',
      flush$: '      --^-!---',
    });
  });

  it('fails loudly where the broker throws', ({ pipelineWith }) => {
    const broker = theBroker({}, () => {
      throw broke;
    });
    const { expectHeard, expectSubscriptions } = pipelineWith({ broker }, typed, {
      sessions$: 'a-----',
      alice: '    --a---',
    });
    expectHeard(heard, {
      alice: '    o-#---',
    });
    expectSubscriptions({
      sessions$: '^-!---',
      alice: '    ^-!---',
    });
  });

  it('fails loudly where a writer does, and lets go of everybody', ({ pipeline }) => {
    const { expectHeard, expectSubscriptions } = pipeline(typed, {
      sessions$: 'ab------',
      alice: '    --|-----',
      bob: '      --------',
      flush$: '     --#',
    });
    expectHeard(heard, {
      bob: '      -o--#---',
    });
    expectSubscriptions({
      sessions$: '^---!---',
      bob: '      -^--!---',
      flush$: '   --^-!---',
    });
  });

  it('that is unsubscribed lets go of listener, readers and writers at once', ({ pipelineWith }) => {
    const run = '      ^----!--';
    const lines = { ...typed, 1: 'alice: 1' };
    const { expectHeard, expectSubscriptions } = pipelineWith({ run }, lines, {
      sessions$: '     ag------',
      alice: '         --a---1-',
      gone: '          --|-----',
      drain$: '        ------d-',
      deadline$: '     -------d',
      flush$: '          ------',
    });
    expectHeard(heard, {
      alice: '         o-a-----',
    });
    expectSubscriptions({
      sessions$: '     ^----!--',
      alice: '         ^----!--',
      gone: '          -^!-----',
      drain$: '        ^----!--',
      deadline$: '     ^----!--',
      flush$: '        --^--!--',
    });
  });

  it('is cold: nobody is read before it is subscribed', ({ pipelineWith }) => {
    const run = '    ---^----';
    const { expectHeard, expectSubscriptions } = pipelineWith({ run }, typed, {
      sessions$: '   -e---l--',
      early: '       --------',
      late: '        ------a-',
    });
    expectHeard(heard, {
      early: '       --------',
      late: '        -----oa-',
    });
    expectSubscriptions({
      sessions$: '   ---^----',
      early: '       --------',
      late: '        -----^--',
    });
  });
});
