import {
  type MonoTypeOperatorFunction,
  NEVER,
  Observable,
  ReplaySubject,
  asapScheduler,
  filter,
  fromEvent,
  isObservable,
  map,
  merge,
  observeOn,
  of,
  share,
  switchMap,
  take,
  throttle,
  tap,
  timer,
} from 'rxjs';

/** Begins a shutdown, by its first value or an abort. A second value cuts the drain short. */
export type ShutdownSignal = Observable<unknown> | AbortSignal;

/** The two moments of a shutdown. */
export interface Shutdown {
  /** Emits when the readers are to complete. The value is replayed, so that late connections hear it too. */
  readonly drain$: Observable<unknown>;
  /** Emits when the writers that are not done are cut off. */
  readonly deadline$: Observable<unknown>;
}

/**
 * The drain and the deadline of a shutdown. A second value of `signal` brings the deadline at once.
 *
 * @param drainTimeout ms from the drain to the deadline
 */
export function shutdownOf(signal: ShutdownSignal | undefined, drainTimeout: number): Shutdown {
  const signal$ = signalsOf(signal).pipe(
    // A signal may be raised by a subscriber while a line is being routed. It must not cut the pipeline under
    // that line.
    observeOn(asapScheduler),
    share({ connector: () => new ReplaySubject(), resetOnComplete: false, resetOnError: false }),
  );
  return {
    drain$: signal$.pipe(take(1)),
    deadline$: signal$.pipe(
      switchMap((_, index) => (index === 0 ? timer(drainTimeout) : of(undefined))),
      take(1),
    ),
  };
}

/**
 * The values of `signal` and of `else$`. The first of all begins the shutdown. After that, values of `else$`
 * are dropped, and so is a first value of `signal`. Later values of `signal` are passed on.
 */
export function signalOrElse(
  signal: ShutdownSignal | undefined,
  else$: Observable<unknown>,
): Observable<unknown> {
  let begun = false;
  const theirs$ = signalsOf(signal).pipe(filter((_, index) => index > 0 || !begun));
  return merge(else$.pipe(filter(() => !begun)), theirs$).pipe(
    tap(() => {
      begun = true;
    }),
  );
}

/** A shutdown signal as an Observable. */
export function signalsOf(signal: ShutdownSignal | undefined): Observable<unknown> {
  if (signal === undefined) return NEVER;
  if (isObservable(signal)) return signal;
  return signal.aborted ? of(undefined) : fromEvent(signal, 'abort');
}

/** The signals of `names` that the process receives. While subscribed, they do not end the process. */
export function signals<T extends NodeJS.Signals>(process: NodeJS.Process, ...names: T[]): Observable<T> {
  return merge(...names.map((name) => fromEvent(process, name).pipe(map(() => name))));
}

/**
 * ms in which several signals count as one. A launcher and a terminal may both send one, and a script may
 * call `kill` twice.
 */
const ONE_SIGNAL_MS = 500;

/** Passes one signal on, and drops those of any kind that follow within `ONE_SIGNAL_MS`. */
export function oneOfMany<T>(): MonoTypeOperatorFunction<T> {
  return throttle(() => timer(ONE_SIGNAL_MS).pipe(switchMap(() => afterInput)));
}

/**
 * Emits when the event loop has handled what came in while it was busy. A late timer fires before the signals
 * that were in time are handled.
 */
const afterInput = new Observable<void>((out) => {
  const immediate = setImmediate(() => {
    out.next();
  });
  out.add(() => {
    clearImmediate(immediate);
  });
});
