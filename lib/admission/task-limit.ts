import { EMPTY, Observable, Subject, catchError, defer, from, mergeMap, tap } from 'rxjs';

/** Runs at most so many tasks at a time; as many more wait as may. */
export class TaskLimit {
  readonly #tasks$ = new Subject<Observable<unknown>>();
  readonly #mostWaiting: number;
  #waiting = 0;

  constructor(mostRunning: number, mostWaiting: number) {
    this.#mostWaiting = mostWaiting;
    this.#tasks$.pipe(mergeMap((task) => task, mostRunning)).subscribe();
  }

  /** Whether no more tasks may wait. */
  get full(): boolean {
    return this.#waiting >= this.#mostWaiting;
  }

  /**
   * The result of a task. Whoever unsubscribes before its turn comes spares it; afterwards it runs to its
   * end.
   */
  run<T>(task: () => Promise<T>): Observable<T> {
    return new Observable((out) => {
      const turn$ = defer(() => {
        this.#waiting -= 1;
        return out.closed ? EMPTY : from(task()).pipe(tap(out));
      });
      this.#waiting += 1;
      // Who asked has heard of the error.
      this.#tasks$.next(turn$.pipe(catchError(() => EMPTY)));
    });
  }
}
