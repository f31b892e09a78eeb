import type { Observable } from 'rxjs';
import type { RunHelpers } from 'rxjs/testing';
import type { Rows } from './diagrams.ts';
import { type Values, broke } from './values.ts';

/** What came of the diagrams of a test, by their names. */
export interface Outcome {
  /** What the session of that name hears. */
  readonly heard: (name: string) => Observable<string>;
  readonly subscriptions: (name: string) => ReturnType<RunHelpers['hot']>['subscriptions'];
  /** When `heard` is subscribed and unsubscribed; all the time if left out. */
  readonly run?: string | undefined;
}

/** The expectations of a test, in diagrams by the same names. */
export function expectationsOf(
  { expectObservable, expectSubscriptions }: RunHelpers,
  { heard, subscriptions, run }: Outcome,
) {
  return {
    expectHeard: (values: Values, diagrams: Rows) => {
      for (const [name, diagram] of Object.entries(diagrams))
        expectObservable(heard(name), run).toBe(diagram, values, broke);
    },
    /** A diagram without `^` says that nobody ever subscribes. */
    expectSubscriptions: (diagrams: Rows) => {
      for (const [name, diagram] of Object.entries(diagrams))
        expectSubscriptions(subscriptions(name)).toBe(diagram.includes('^') ? diagram : []);
    },
  };
}

/** What `map` has for the name of a diagram. */
export function named<T>(map: ReadonlyMap<string, T>, name: string): T {
  const found = map.get(name);
  if (found === undefined) throw new Error(`No diagram is of ${name}`);
  return found;
}
