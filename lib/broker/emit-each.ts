import { Observable, type OperatorFunction } from 'rxjs';
import { forward } from '../model/forward.ts';

/**
 * `mergeMap` for synchronous results. `project` calls `emit` with each result of a value; there may be none
 * or many. On the hot path, `mergeMap(value => [...])` would make an array and an inner Observable for every
 * value. An error that `project` throws becomes the error of the result.
 */
export function emitEach<T, R>(
  project: (value: T, emit: (result: R) => void) => void,
): OperatorFunction<T, R> {
  return (source) =>
    new Observable((out) => {
      const emit = (result: R) => {
        out.next(result);
      };
      const next = (value: T) => {
        try {
          project(value, emit);
        } catch (failure) {
          out.error(failure);
        }
      };
      return source.subscribe(forward(out, next));
    });
}
