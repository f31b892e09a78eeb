import { Subject, ignoreElements, pipe, tap } from 'rxjs';
import type { Delivery } from '../lib/model/events.ts';
import { theBroker } from './support/broker.ts';
import { it } from './support/it.ts';
import { heard, typed } from './support/values.ts';

describe('A shutdown', () => {
  it('completes stage after stage, and the pipeline with the slowest writer', ({
    pipelineWith,
    expectObservable,
  }) => {
    const deliveries$ = new Subject<Delivery>();
    const broker = pipe(theBroker(), tap(deliveries$));
    const { expectHeard, expectSubscriptions } = pipelineWith({ broker }, typed, {
      sessions$: '  abm-----------',
      alice: '      --a--1---2----',
      bob: '        --b-----------',
      mute: '       --------------',
      drain$: '     ------d-------',
      aliceFlush$: '      ---|',
      bobFlush$: '        ------|',
    });
    const brokerEnd = '------|-------';

    expectHeard(heard, {
      alice: '      o-a------S--|-',
      bob: '        -ob--1------(S|)',
      mute: '       --o---S-----|-',
    });
    expectObservable(deliveries$.pipe(ignoreElements())).toBe(brokerEnd);
    expectSubscriptions({
      sessions$: '  ^-----!-------',
      alice: '      ^-----!-------',
      bob: '        -^----!-------',
      mute: '       --^---!-------',
      aliceFlush$: '------^--!----',
      bobFlush$: '  ------^-----!-',
    });
  });

  it('delivers everything that waits for a slow writer', ({ pipeline }) => {
    const { expectHeard, expectSubscriptions } = pipeline(typed, {
      sessions$: 'ab-------------',
      alice: '    --a123---------',
      bob: '      --b------------',
      drain$: '   ------d--------',
      writes$: '  ---|',
    });
    expectHeard(heard, {
      bob: '      -o---b--1--2--(3S|)',
    });
    expectSubscriptions({
      bob: '      -^----!--------',
    });
  });

  it('waits for the writer of a session that ended before it', ({ pipeline }) => {
    const { expectHeard, expectSubscriptions } = pipeline(typed, {
      sessions$: 'a--------',
      alice: '    -a-|-----',
      drain$: '   -----d---',
      flush$: '      ----|-',
    });
    expectHeard(heard, {
      alice: '    oa-----(E|)',
    });
    expectSubscriptions({
      sessions$: '^----!---',
      alice: '    ^--!-----',
      flush$: '   ---^---!-',
    });
  });

  it('of a server without sessions completes at once', ({ pipeline, expectObservable }) => {
    const { notes$, expectSubscriptions } = pipeline(typed, {
      sessions$: '------',
      drain$: '   ---d--',
    });
    const end = ' ---|--';

    expectObservable(notes$).toBe(end);
    expectSubscriptions({ sessions$: '^--!--' });
  });

  it('is what completes a pipeline whose sessions have all ended: until then another may come', ({
    pipeline,
  }) => {
    const { expectHeard, expectSubscriptions } = pipeline(typed, {
      sessions$: 'a------',
      alice: '    -a|----',
      drain$: '   -----d-',
    });
    expectHeard(heard, {
      alice: '    oaE--|-',
    });
    expectSubscriptions({
      sessions$: '^----!-',
      alice: '    ^-!----',
    });
  });
});
