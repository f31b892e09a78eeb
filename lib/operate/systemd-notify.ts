import {
  EMPTY,
  type MonoTypeOperatorFunction,
  Observable,
  Subject,
  catchError,
  concatMap,
  connect,
  delay,
  endWith,
  filter,
  finalize,
  from,
  identity,
  ignoreElements,
  interval,
  map,
  merge,
  mergeMap,
  switchMap,
  take,
  takeUntil,
  tap,
} from 'rxjs';

interface Event {
  readonly type: string;
}

/** Assignments of one message. */
type State = readonly string[];

const READY: State = ['READY=1'];
const ALIVE: State = ['WATCHDOG=1'];
const STOPPING: State = ['STOPPING=1'];

/** ms until systemd is told again that the server is ready, where it could not be. */
const AGAIN = 1000;

/** ms that one message may take. */
const PATIENCE = 3000;

/**
 * Tells systemd, where it asks for it, that the server is ready, alive, reloading, and stopping, see
 * sd_notify(3); the events pass unchanged. A message that fails keeps none of the later ones from being
 * tried.
 *
 * @param endpoints how many are to listen before it is ready
 * @param failed hears that systemd cannot be told; once, until it can
 */
export function supervised<T extends Event>(
  { env, pid }: Pick<NodeJS.Process, 'env' | 'pid'>,
  endpoints: number,
  failed: (why: string) => void,
): MonoTypeOperatorFunction<T> {
  if (env.NOTIFY_SOCKET === undefined) return identity;
  const asked = env.WATCHDOG_PID === undefined || env.WATCHDOG_PID === String(pid);
  // In µs; where what is told three times as often fails once, it is not late.
  const every = asked ? Number(env.WATCHDOG_USEC ?? 0) / 3000 : 0;
  return connect((events$) =>
    merge(events$, states(events$, endpoints, every).pipe(connect((states$) => told(states$, failed)))),
  );
}

function states(events$: Observable<Event>, endpoints: number, every: number): Observable<State> {
  const of = (...types: readonly string[]) => events$.pipe(filter(({ type }) => types.includes(type)));
  const ready$ = of('listening').pipe(
    filter((_, index) => index + 1 === endpoints),
    take(1),
  );
  const end$ = events$.pipe(ignoreElements(), endWith(undefined));
  const tick$ = every > 0 ? interval(every).pipe(takeUntil(end$)) : EMPTY;
  return merge(
    ready$.pipe(map(() => READY)),
    ready$.pipe(
      switchMap(() => tick$),
      map(() => ALIVE),
    ),
    // Reading files again takes no time in which anybody could be told of it; `Type=notify-reload` wants
    // both.
    of('reloaded', 'reload-failed').pipe(mergeMap(() => [['RELOADING=1', `MONOTONIC_USEC=${now()}`], READY])),
    of('draining').pipe(map(() => STOPPING)),
  );
}

/** Tells one state after the other. Completes when the last was told. */
function told(states$: Observable<State>, failed: (why: string) => void): Observable<never> {
  const untold$ = new Subject<State>();
  const stopping$ = states$.pipe(
    endWith(STOPPING),
    filter((state) => state === STOPPING),
  );
  let [beating, failing] = [false, false];
  const tell = (state: State) =>
    notification(state).pipe(
      tap({ complete: () => (failing = false) }),
      catchError((failure: Error) => {
        if (!failing) failed(failure.message);
        failing = true;
        // systemd ends a server that it waits for; of every other state there is another, or it is over.
        if (state === READY) untold$.next(state);
        return EMPTY;
      }),
      finalize(() => {
        if (state === ALIVE) beating = false;
      }),
    );
  return merge(states$, untold$.pipe(delay(AGAIN), takeUntil(stopping$))).pipe(
    // Where messages take long, beats do not pile up behind them.
    filter((state) => state !== ALIVE || !beating),
    tap((state) => (beating ||= state === ALIVE)),
    concatMap(tell),
  );
}

/** µs of the clock that systemd compares. */
function now(): bigint {
  return process.hrtime.bigint() / 1000n;
}

/**
 * Completes when systemd was told, and errors where that fails. Node cannot write to the kind of socket that
 * this takes; systemd brings a program that can, and that waits until it was heard.
 */
function notification(state: State): Observable<never> {
  // Loaded where somebody is to be told: a start is quicker without.
  return from(import('node:child_process')).pipe(
    mergeMap(
      ({ spawn }) =>
        new Observable<never>((out) => {
          const fail = (why: string) => {
            out.error(new Error(why));
          };
          spawn('systemd-notify', state, { stdio: 'ignore', timeout: PATIENCE, killSignal: 'SIGKILL' })
            .on('error', ({ message }) => {
              fail(message);
            })
            .on('exit', (code, signal) => {
              if (signal === 'SIGKILL') fail(`systemd-notify did not end within ${PATIENCE / 1000} s`);
              // By another signal it was ended by the one that ends us, which some send to all.
              else if (code === 0 || code === null) out.complete();
              else fail(`systemd-notify ended with ${code}`);
            });
        }),
    ),
  );
}
