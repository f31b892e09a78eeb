import { EMPTY, NEVER, Observable, Subject, catchError, throwError } from 'rxjs';

/**
 * Failures of the embedding program's Observables. The first begins a shutdown, and is reported at its end.
 */
export class OutsideFailures {
  readonly #came$ = new Subject<void>();
  #first: { readonly failure: unknown } | undefined;

  /** Emits at the first failure; at once where that came before the subscription. */
  get came$(): Observable<void> {
    return new Observable((out) => {
      if (this.#first !== undefined) out.next();
      return this.#came$.subscribe(out);
    });
  }

  /** `source$` without its failure. After a failure, the result neither emits nor completes. */
  in<T>(source$: Observable<T>): Observable<T> {
    return source$.pipe(
      catchError((failure: unknown) => {
        const isFirst = this.#first === undefined;
        this.#first ??= { failure };
        if (isFirst) this.#came$.next();
        return NEVER;
      }),
    );
  }

  /** Fails with the first failure; completes where there was none. */
  outcome(): Observable<never> {
    const first = this.#first;
    return first === undefined ? EMPTY : throwError(() => first.failure);
  }
}
