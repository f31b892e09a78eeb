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

/**
 * What begins a shutdown: the first value of an Observable, or an abort. A second value cuts the drain short.
 */
export type ShutdownSignal = Observable<unknown> | AbortSignal;

export interface Shutdown {
  /** Emits when the readers are to complete; replayed, so that no connection can come too late to hear it. */
  readonly drain$: Observable<unknown>;
  /** Emits when whoever is still not done is cut off. */
  readonly deadline$: Observable<unknown>;
}

/**
 * The two moments of a shutdown.
 *
 * @param drainTimeout ms from the one to the other
 */
export function shutdownOf(signal: ShutdownSignal | undefined, drainTimeout: number): Shutdown {
  const signal$ = signalsOf(signal).pipe(
    // A signal raised while a line is being routed, by whoever hears of it, must not cut the pipeline under
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
 * `signal`, and what begins a shutdown beside it. Whichever comes first begins it; who begins one that has
 * begun already does not mean a second value, which would cut it short.
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

/** What a shutdown signal tells, as an Observable. */
export function signalsOf(signal: ShutdownSignal | undefined): Observable<unknown> {
  if (signal === undefined) return NEVER;
  if (isObservable(signal)) return signal;
  return signal.aborted ? of(undefined) : fromEvent(signal, 'abort');
}

/** Those of the signals `names` that come to the process. As long as it is subscribed they do not end it. */
export function signals<T extends NodeJS.Signals>(process: NodeJS.Process, ...names: T[]): Observable<T> {
  return merge(...names.map((name) => fromEvent(process, name).pipe(map(() => name))));
}

/**
 * ms in which signals are one: a launcher and a terminal both send one, and `kill` is typed twice in a
 * script.
 */
const TOGETHER = 500;

/** Passes one signal on, and none that comes close behind it, of whatever kind. */
export function oneOfMany<T>(): MonoTypeOperatorFunction<T> {
  return throttle(() => timer(TOGETHER).pipe(switchMap(() => afterInput)));
}

/**
 * Emits when what came in while the event loop was busy has been heard: that was no later than what it was
 * busy with.
 */
const afterInput = new Observable<void>((out) => {
  const immediate = setImmediate(() => {
    out.next();
  });
  out.add(() => {
    clearImmediate(immediate);
  });
});
