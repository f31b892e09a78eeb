import { setFlagsFromString } from 'node:v8';
import { NEVER, type Observable, Subject, filter, finalize, merge, tap } from 'rxjs';
import type { DrainReport, ServerEvent } from '../model/server-events.ts';
import { type AdminEvent, adminEndpoint } from '../operate/admin.ts';
import { eventLog } from '../operate/log.ts';
import { Meter } from '../operate/meter.ts';
import { notifySystemd } from '../operate/systemd-notify.ts';
import { parseAddress } from '../protocol/endpoint.ts';
import { chatServer } from '../server.ts';
import { oneOfMany, signals } from '../shutdown.ts';
import { EXIT_CODES, codeOfSignal } from './exit-codes.ts';
import { openLog } from './program-log.ts';
import type { Options } from '../settings/sources.ts';
import { settingsOf } from './written.ts';

/** Signals that begin a shutdown. SIGHUP does so only where no files can be read again. */
const ENDING_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGQUIT', 'SIGHUP'] as const;

/**
 * Runs the server until it is drained. Resolves with the exit code: 0 if nothing was abandoned, 1 if
 * something was or lines of the log are missing, `codeOfSignal` if a second signal cut the drain short.
 */
export async function serve(written: Options): Promise<number> {
  const { values, notes } = await settingsOf(written);
  const { logLevel, logFormat, admin, ...options } = values;
  // Most objects of the server die young. V8 would let their space grow to 32 MiB, and keep as many bytes of
  // chunks with it. A space that stays small takes half the memory under load, and no more time.
  setFlagsFromString('--semi-space-growth-factor=1');
  const address = parseAddress(admin);
  const meter = address === undefined ? undefined : new Meter();

  const { log, makeRoom, close } = await openLog(logLevel, logFormat, meter?.log);
  // A bug that belongs to no session begins a shutdown: what was accepted is delivered if it still can be. No
  // server is better than one that is half dead.
  const broken$ = new Subject<void>();
  let isBroken = false;
  process.on('uncaughtException', (failure) => {
    log.fatal(failure, 'unexpected failure');
    if (isBroken) void close(EXIT_CODES.failed).then((code) => process.exit(code));
    isBroken = true;
    broken$.next();
  });

  for (const note of notes) log.warn({ event: 'setting-ignored', message: note }, note);
  const write = eventLog(log);
  const received: (typeof ENDING_SIGNALS)[number][] = [];
  // Without files to read again, SIGHUP comes from a terminal that closes, often twice. It begins a shutdown,
  // and cuts none short. Under systemd it always asks to read files again.
  const hangsUp = process.env.NOTIFY_SOCKET === undefined;
  const reloads = options.accounts !== undefined || options.tlsCert !== undefined;
  const signals$ = signals(
    process,
    ...ENDING_SIGNALS.filter((signal) => signal !== 'SIGHUP' || !reloads),
  ).pipe(
    filter((signal, index) => signal !== 'SIGHUP' || (hangsUp && index === 0)),
    oneOfMany(),
    tap((signal) => received.push(signal)),
  );
  const shutdown$ = merge(signals$, broken$);
  const reload$ = reloads ? signals(process, 'SIGHUP') : NEVER;
  let events$: Observable<ServerEvent | AdminEvent>;
  if (address === undefined || meter === undefined) {
    events$ = chatServer({ ...options, shutdown$, reload$ });
  } else {
    events$ = chatServer({ ...options, shutdown$, reload$, meter }).pipe(await adminEndpoint(address, meter));
  }
  let report: DrainReport | undefined;
  const untold = (why: string) => {
    log.warn({ event: 'unsupervised', message: why }, `cannot tell systemd how the server is: ${why}`);
  };
  return new Promise<number>((resolve, reject) => {
    events$
      .pipe(
        notifySystemd(process, Math.max(1, options.listen.length), untold),
        finalize(() => {
          const cutShortBy = received[1];
          if (cutShortBy !== undefined) resolve(codeOfSignal(cutShortBy));
          else resolve(report?.abandoned === 0 && !isBroken ? EXIT_CODES.done : EXIT_CODES.failed);
        }),
      )
      .subscribe({
        next: (event) => {
          if (event.type === 'draining') {
            makeRoom();
            // A signal after the drain must not end the process before the log is written.
            for (const signal of ENDING_SIGNALS) process.on(signal, () => {});
          }
          write(event);
          if (event.type === 'drained') report = event.report;
        },
        error: reject,
      });
  }).then(close);
}
