import { Observable, type OperatorFunction } from 'rxjs';
import { forward } from '../model/forward.ts';

/**
 * `mergeMap` for synchronous results: `project` hands each result to `emit`, none, one or many for a value.
 * On the hot path it stands where `mergeMap(value => [...])` would make an array and an inner Observable for
 * every value. What `project` throws becomes the error of the result.
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
