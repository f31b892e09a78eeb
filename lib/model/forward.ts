import type { Observer, Subscriber } from 'rxjs';

/** An observer of the source of `out`: it hands each value to `next`, and passes its error and its end on. */
export function forward<T, R>(out: Subscriber<R>, next: (value: T) => void): Observer<T> {
  return {
    next,
    error: (failure: unknown) => {
      out.error(failure);
    },
    complete: () => {
      out.complete();
    },
  };
}
