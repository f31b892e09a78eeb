import { EMPTY, Observable, Subject, catchError, defer, from, mergeMap, tap } from 'rxjs';

/** Runs tasks, a limited number at a time. A limited number of others waits. */
export class TaskLimit {
  readonly #tasks$ = new Subject<Observable<unknown>>();
  readonly #maxWaiting: number;
  #waiting = 0;

  constructor(maxRunning: number, maxWaiting: number) {
    this.#maxWaiting = maxWaiting;
    this.#tasks$.pipe(mergeMap((task) => task, maxRunning)).subscribe();
  }

  /** Whether as many tasks wait as may. */
  get full(): boolean {
    return this.#waiting >= this.#maxWaiting;
  }

  /**
   * Emits the result of `task`. A task that is unsubscribed from before it runs is skipped. One that runs is
   * not stopped.
   */
  run<T>(task: () => Promise<T>): Observable<T> {
    return new Observable((out) => {
      const task$ = defer(() => {
        this.#waiting -= 1;
        return out.closed ? EMPTY : from(task()).pipe(tap(out));
      });
      this.#waiting += 1;
      // The subscriber has heard of the error. The other tasks must not.
      this.#tasks$.next(task$.pipe(catchError(() => EMPTY)));
    });
  }
}
