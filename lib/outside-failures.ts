import { EMPTY, NEVER, Observable, Subject, catchError, throwError } from 'rxjs';

/**
 * What goes wrong in the embedder's own Observables: the first of it begins a shutdown, and is told at its
 * end.
 */
export class OutsideFailures {
  readonly #came$ = new Subject<void>();
  #first: { readonly failure: unknown } | undefined;

  /** Emits when the first came. */
  get came$(): Observable<void> {
    // What came before somebody listened came now.
    return new Observable((out) => {
      if (this.#first !== undefined) out.next();
      return this.#came$.subscribe(out);
    });
  }

  /** `source$` as long as it goes well; then nothing more. */
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

  /** Fails with the first, if there was one. */
  outcome(): Observable<never> {
    const first = this.#first;
    return first === undefined ? EMPTY : throwError(() => first.failure);
  }
}
