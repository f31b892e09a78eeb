import {
  EMPTY,
  type MonoTypeOperatorFunction,
  Observable,
  concatMap,
  connect,
  endWith,
  filter,
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
} from 'rxjs';

interface Event {
  readonly type: string;
}

/** Assignments of one message. */
type State = readonly string[];

/**
 * Tells systemd, where it asks for it, that the server is ready, alive, reloading, and stopping, see sd_notify(3); the events pass
 * unchanged.
 *
 * @param endpoints how many are to listen before it is ready
 * @param failed hears, once, that systemd cannot be told
 */
export function supervised<T extends Event>(
  { env, pid }: Pick<NodeJS.Process, 'env' | 'pid'>,
  endpoints: number,
  failed: (why: string) => void,
): MonoTypeOperatorFunction<T> {
  if (env.NOTIFY_SOCKET === undefined) return identity;
  const asked = env.WATCHDOG_PID === undefined || env.WATCHDOG_PID === String(pid);
  // In µs; what is told twice as often is never late.
  const every = asked ? Number(env.WATCHDOG_USEC ?? 0) / 2000 : 0;
  let possible = true;
  const tell = (state: State) =>
    notification(state, (why) => {
      if (possible) failed(why);
      possible = false;
    });
  return connect((events$) =>
    merge(
      events$,
      states(events$, endpoints, every).pipe(
        filter(() => possible),
        concatMap(tell),
      ),
    ),
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
    ready$.pipe(map(() => ['READY=1'])),
    ready$.pipe(
      switchMap(() => tick$),
      map(() => ['WATCHDOG=1']),
    ),
    // Reading files again takes no time in which anybody could be told of it; `Type=notify-reload` wants both.
    of('reloaded', 'reload-failed').pipe(
      mergeMap(() => [['RELOADING=1', `MONOTONIC_USEC=${now()}`], ['READY=1']]),
    ),
    of('draining').pipe(map(() => ['STOPPING=1'])),
  );
}

/** µs of the clock that systemd compares. */
function now(): bigint {
  return process.hrtime.bigint() / 1000n;
}

/**
 * Completes when systemd was told. Node cannot write to the kind of socket that this takes; systemd brings a program that
 * can, and that waits until it was heard.
 */
function notification(state: State, failed: (why: string) => void): Observable<never> {
  // Loaded where somebody is to be told: a start is quicker without.
  return from(import('node:child_process')).pipe(
    mergeMap(
      ({ spawn }) =>
        new Observable<never>((out) => {
          const done = (why?: string) => {
            if (why !== undefined) failed(why);
            out.complete();
          };
          spawn('systemd-notify', state, { stdio: 'ignore' })
            .on('error', ({ message }) => {
              done(message);
            })
            .on('exit', (code) => {
              // Without a code it was ended by the signal that ends us, which some send to all.
              done(code === 0 || code === null ? undefined : `systemd-notify ended with ${code}`);
            });
        }),
    ),
  );
}
