import type { Observable } from 'rxjs';
import type { RunHelpers } from 'rxjs/testing';
import type { Session } from '../../lib/model/session.ts';
import { sessionOf } from './sessions.ts';
import { type Values, broke } from './values.ts';

/** Diagrams by the names of their streams. */
export type Rows = Readonly<Record<string, string>>;

/**
 * The diagrams of a pipeline. Of those that emit in one frame the one that stands first comes first. What a
 * session types stands by its name, as text, or by its name and `Socket$`, as bytes.
 */
export interface Diagrams extends Rows {
  /** Connections: a letter is the session whose name it begins. */
  readonly sessions$: string;
  readonly drain$?: string;
  readonly deadline$?: string;
  /** Begins a shutdown, in place of `drain$` and `deadline$`. */
  readonly signal$?: string;
  /** How long writers take over each text; `<name>Writes$` is for that session alone. Cold. */
  readonly writes$?: string;
  /** How long writers take at their end; `<name>Flush$` is for that session alone. Cold. */
  readonly flush$?: string;
}

type Stream = Observable<string> & Pick<ReturnType<RunHelpers['hot']>, 'subscriptions'>;

/** By the names of their diagrams. */
export type Streams = ReadonlyMap<string, Stream>;

/** Makes the streams of `diagrams`, in which a character stands for the text that `typed` gives it. */
export function streamsOf(
  { hot, cold }: RunHelpers,
  diagrams: Rows,
  typed: Values,
  allCold = false,
): Streams {
  const streamOf = (row: string, diagram: string) => {
    const values = row === 'sessions$' ? undefined : typed;
    const isCold = allCold || /(?:writes|flush)\$$/i.test(row);
    return isCold ? cold(diagram, values, broke) : hot(diagram, values, broke);
  };
  return new Map(Object.entries(diagrams).map(([row, diagram]) => [row, streamOf(row, diagram)]));
}

/** Makes the sessions that `diagrams` names. */
export function sessionsOf(diagrams: Rows): ReadonlyMap<string, Session> {
  const names = Object.keys(diagrams).map((row) => row.replace(/(?:Socket|Writes|Flush)\$$/, ''));
  return new Map(names.filter((name) => !name.endsWith('$')).map((name) => [name, sessionOf(name)]));
}
