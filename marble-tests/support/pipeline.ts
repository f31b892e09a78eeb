import { filter, identity, map } from 'rxjs';
import type { RunHelpers } from 'rxjs/testing';
import { type Stages, pipeline as pipelineOf } from '../../lib/pipeline.ts';
import { theBroker } from './broker.ts';
import { type Diagrams, sessionsOf, streamsOf } from './diagrams.ts';
import { expectationsOf, named } from './expectations.ts';
import { notesOf } from './notes.ts';
import { arrivalsIn, paceIn, readerIn, shutdownIn } from './stages.ts';
import type { Values } from './values.ts';

/** What differs from the pipeline that most tests are about. */
export interface Setting extends Partial<Pick<Stages, 'drain$' | 'deadline$' | 'broker'>> {
  /** Whether all streams are cold. */
  readonly cold?: boolean;
  /** When the pipeline is subscribed and unsubscribed. */
  readonly run?: string;
  /** ms that a session has for its login, where the real reader reads it. */
  readonly loginTimeout?: number;
}

/** The pipeline that the server runs, with writers that take notes, and what can be expected of it. */
export function pipelineWith(time: RunHelpers) {
  return (
    { cold = false, run, loginTimeout = 60_000, ...stages }: Setting,
    typed: Values,
    diagrams: Diagrams,
  ) => {
    const streams = streamsOf(time, diagrams, typed, cold);
    const sessions = sessionsOf(diagrams);
    const session = (name: string) => named(sessions, name);
    const defaults = {
      ...shutdownIn(streams),
      reader: readerIn(streams, loginTimeout),
      admission: () => identity,
      broker: theBroker(),
    };
    const notes$ = notesOf(
      (writer) => pipelineOf(arrivalsIn(streams, sessions), { ...defaults, ...stages, writer }),
      paceIn(streams),
    );
    const heard = (name: string) => {
      const hearer = session(name);
      return notes$.pipe(
        filter((note) => note.session === hearer),
        map(({ text }) => text),
      );
    };
    const subscriptions = (row: string) => named(streams, row).subscriptions;
    return { notes$, session, ...expectationsOf(time, { heard, subscriptions, run }) };
  };
}

/** The pipeline that most tests are about. */
export function pipeline(time: RunHelpers) {
  const plain = pipelineWith(time);
  return (typed: Values, diagrams: Diagrams) => plain({}, typed, diagrams);
}
