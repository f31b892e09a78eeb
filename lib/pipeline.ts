import {
  type GroupedObservable,
  type MonoTypeOperatorFunction,
  Observable,
  type OperatorFunction,
  Subject,
  groupBy,
  mergeMap,
  takeUntil,
} from 'rxjs';
import type { Delivery, Payload, SessionEvent } from './model/events.ts';
import type { Session } from './model/session.ts';
import type { Shutdown } from './shutdown.ts';

/** The stages that the pipeline is made of; the tests put others in their place. */
export interface Stages extends Shutdown {
  readonly reader: (session: Session) => Observable<SessionEvent>;
  /** What stands between a session's reader and the broker. */
  readonly admission: (session: Session) => MonoTypeOperatorFunction<SessionEvent>;
  readonly broker: OperatorFunction<SessionEvent, Delivery>;
  readonly writer: (payloads: GroupedObservable<Session, Payload>) => Observable<never>;
}

/**
 * The pipeline, whole. Sessions come in at the top. The result completes when the last writer has. A shutdown
 * is completion: `drain$` completes the readers, they complete the broker, the broker completes the groups,
 * and each group its writer. One `takeUntil` stands before the Subject, because everything behind it
 * is finished and not cut off. The other cuts off the writers that are not done at the deadline.
 */
export function pipeline(sessions$: Observable<Session>, stages: Stages): Observable<never> {
  return new Observable((out) => {
    const broker$ = new Subject<SessionEvent>();

    const writers = broker$.pipe(
      stages.broker,
      // The last payload of a group says the same as `over$`. A second observer of each group that looks for
      // it, takes 5 % more memory for an idle connection, and as much more CPU time for a fan-out.
      groupBy(({ to }) => to, { element: ({ payload }) => payload, duration: ({ key }) => key.over$ }),
      mergeMap(stages.writer),
      takeUntil(stages.deadline$),
    );
    const readers = sessions$.pipe(
      mergeMap((session) => stages.reader(session).pipe(stages.admission(session))),
      takeUntil(stages.drain$),
    );

    out.add(writers.subscribe(out));
    out.add(
      readers.subscribe({
        next: (event) => {
          broker$.next(event);
        },
        // The failure of a listener concerns the operator. The broker must not hear of it.
        error: (failure: unknown) => {
          out.error(failure);
        },
        complete: () => {
          broker$.complete();
        },
      }),
    );
  });
}
