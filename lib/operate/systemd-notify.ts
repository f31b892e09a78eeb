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

/** What this file needs to know of an event. */
interface Event {
  readonly type: string;
}

/** One message to systemd, as assignments. */
type State = readonly string[];

const READY: State = ['READY=1'];
const ALIVE: State = ['WATCHDOG=1'];
const STOPPING: State = ['STOPPING=1'];

/** ms until a message that the server is ready is sent again, if it failed. */
const RETRY_MS = 1000;

/** ms that one message may take. */
const PATIENCE_MS = 3000;

/**
 * Tells systemd, where it asks for it, that the server is ready, alive, reloading, and stopping, see
 * sd_notify(3). The events pass unchanged. After a message that fails the later ones are sent all the same.
 *
 * @param endpoints number of endpoints that listen when the server is ready
 * @param failed hears why systemd cannot be told; once, until it can
 */
export function notifySystemd<T extends Event>(
  { env, pid }: Pick<NodeJS.Process, 'env' | 'pid'>,
  endpoints: number,
  failed: (why: string) => void,
): MonoTypeOperatorFunction<T> {
  if (env.NOTIFY_SOCKET === undefined) return identity;
  const asked = env.WATCHDOG_PID === undefined || env.WATCHDOG_PID === String(pid);
  // The variable is in µs. Three beats are sent in that time, so that one may fail.
  const beatMs = asked ? Number(env.WATCHDOG_USEC ?? 0) / 3000 : 0;
  return connect((events$) =>
    merge(events$, states(events$, endpoints, beatMs).pipe(connect((states$) => sent(states$, failed)))),
  );
}

/** The messages that follow from the events, with a beat every `beatMs` ms; 0 for none. */
function states(events$: Observable<Event>, endpoints: number, beatMs: number): Observable<State> {
  const of = (...types: readonly string[]) => events$.pipe(filter(({ type }) => types.includes(type)));
  const ready$ = of('listening').pipe(
    filter((_, index) => index + 1 === endpoints),
    take(1),
  );
  const end$ = events$.pipe(ignoreElements(), endWith(undefined));
  const beat$ = beatMs > 0 ? interval(beatMs).pipe(takeUntil(end$)) : EMPTY;
  return merge(
    ready$.pipe(map(() => READY)),
    ready$.pipe(
      switchMap(() => beat$),
      map(() => ALIVE),
    ),
    // `Type=notify-reload` wants both messages. The reload itself is over before either could be sent.
    of('reloaded', 'reload-failed').pipe(mergeMap(() => [['RELOADING=1', `MONOTONIC_USEC=${now()}`], READY])),
    of('draining').pipe(map(() => STOPPING)),
  );
}

/** Sends one message after the other. Completes when the last was sent. */
function sent(states$: Observable<State>, failed: (why: string) => void): Observable<never> {
  const unsent$ = new Subject<State>();
  const stopping$ = states$.pipe(
    endWith(STOPPING),
    filter((state) => state === STOPPING),
  );
  let [beating, failing] = [false, false];
  const send = (state: State) =>
    notification(state).pipe(
      tap({ complete: () => (failing = false) }),
      catchError((failure: Error) => {
        if (!failing) failed(failure.message);
        failing = true;
        // systemd ends a server that is never ready, so this message is sent again. Another beat comes
        // anyway.
        if (state === READY) unsent$.next(state);
        return EMPTY;
      }),
      finalize(() => {
        if (state === ALIVE) beating = false;
      }),
    );
  return merge(states$, unsent$.pipe(delay(RETRY_MS), takeUntil(stopping$))).pipe(
    // Beats do not pile up behind messages that take long.
    filter((state) => state !== ALIVE || !beating),
    tap((state) => (beating ||= state === ALIVE)),
    concatMap(send),
  );
}

/** µs of the monotonic clock, which systemd compares. */
function now(): bigint {
  return process.hrtime.bigint() / 1000n;
}

/**
 * Sends one message. Completes when systemd has read it, and fails where it cannot be sent. Node cannot write
 * to a datagram socket of Unix, so `systemd-notify` does it.
 */
function notification(state: State): Observable<never> {
  // Without systemd the module is not loaded, and the program starts faster.
  return from(import('node:child_process')).pipe(
    mergeMap(
      ({ spawn }) =>
        new Observable<never>((out) => {
          const fail = (why: string) => {
            out.error(new Error(why));
          };
          spawn('systemd-notify', state, { stdio: 'ignore', timeout: PATIENCE_MS, killSignal: 'SIGKILL' })
            .on('error', ({ message }) => {
              fail(message);
            })
            .on('exit', (code, signal) => {
              if (signal === 'SIGKILL') fail(`systemd-notify did not end within ${PATIENCE_MS / 1000} s`);
              // A signal to the whole process group may have ended it together with the server. That is no
              // failure.
              else if (code === 0 || code === null) out.complete();
              else fail(`systemd-notify ended with ${code}`);
            });
        }),
    ),
  );
}
