import type { RunHelpers } from 'rxjs/testing';
import { broker } from './broker.ts';
import { pipeline, pipelineWith } from './pipeline.ts';
import { reader } from './reader.ts';
import { inVirtualTime } from './virtual-time.ts';

/** The helpers of RxJS, and ours, which make sessions and their streams of diagrams. */
function helpersIn(time: RunHelpers) {
  return {
    ...time,
    reader: reader(time),
    broker: broker(time),
    pipeline: pipeline(time),
    pipelineWith: pipelineWith(time),
  };
}

/** Jest's `it` in virtual time. */
export function it(name: string, test: (helpers: ReturnType<typeof helpersIn>) => void): void {
  globalThis.it(name, () => {
    inVirtualTime((time) => {
      test(helpersIn(time));
    });
  });
}
