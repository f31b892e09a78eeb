import {
  EMPTY,
  NEVER,
  Observable,
  type Subscription,
  concat,
  concatMap,
  defer,
  exhaustMap,
  identity,
  interval,
  map,
  merge,
  of,
  switchMap,
  takeUntil,
  tap,
} from 'rxjs';
import { Accounts, AccountsError } from './admission/accounts.ts';
import { admission } from './admission/admission.ts';
import { broker } from './broker/broker.ts';
import { type Credentials, doubtsAbout, readCredentials } from './settings/tls-files.ts';
import { withinCapacity } from './listeners/capacity.ts';
import { acceptedSessions, sessionOf } from './listeners/listeners.ts';
import type { ServerEvent } from './model/server-events.ts';
import { readFirst, readRegular } from './settings/files.ts';
import { lastIntake } from './readers/last-intake.ts';
import { Reloadable } from './settings/reloadable.ts';
import { type ServerOptions, serverOptions } from './server-options.ts';
import { type Stages, pipeline } from './pipeline.ts';
import { PendingTotal } from './model/pending-total.ts';
import { reader } from './readers/reader.ts';
import type { Connection } from './model/session.ts';
import { shutdownOf, signalOrElse, signalsOf } from './shutdown.ts';
import { DrainTally } from './operate/drain-tally.ts';
import { vanished } from './os/tcp-table.ts';
import { TurnShare } from './readers/turn-share.ts';
import { OutsideFailures } from './outside-failures.ts';
import { Outflow } from './writers/outflow.ts';
import { writer } from './writers/writer.ts';

/**
 * A chat server, as the events that an operator wants to know. It is cold: subscribing listens. It completes
 * when a shutdown has drained it, after `drained` with the report. Unsubscribing closes everything at once.
 *
 * It fails with Node's error where an endpoint cannot be listened on, and with a `RangeError` or `TypeError`
 * for a wrong option. Where `shutdown$`, `connections$` or `reload$` fails, a shutdown begins, and the server
 * fails with that error after `drained`. RxJS reports what an observer throws as an unhandled error, and the
 * server goes on.
 */
export function chatServer(options: Partial<ServerOptions> = {}): Observable<ServerEvent> {
  return new Observable<ServerEvent>((out) => {
    const settings = withinCapacity(serverOptions(options));
    const trouble = new OutsideFailures();
    const watched$ = trouble.in(signalsOf(settings.shutdown$));
    const { drain$: signal$, deadline$ } = shutdownOf(
      signalOrElse(watched$, trouble.came$),
      settings.drainTimeout,
    );
    const reload$ = trouble.in(settings.reload$ ?? EMPTY);
    const drainTally = new DrainTally();
    const pendingTotal = new PendingTotal(settings.maxPendingTotal);
    if (settings.meter !== undefined) out.add(settings.meter.attach(drainTally.open, pendingTotal));
    const tell = (event: ServerEvent) => {
      out.next(event);
    };

    const { connections$ = EMPTY } = settings;
    const credentials$ = credentialsOf({ ...settings, reload$ }, tell, out);
    const accepted$ = acceptedSessions(settings, credentials$, () => drainTally.open.size, tell);
    // The connections of the program come first: their names are taken before anybody else can log in.
    const own$ = trouble.in(
      connections$.pipe(map((connection) => sessionOf(connection, { through: 'in-process' }))),
    );
    const sessions$ = merge(own$, accepted$).pipe(
      takeUntil(signal$),
      tap((session) => {
        drainTally.arrive(session);
      }),
    );
    const beginDrain = () => {
      drainTally.begin();
      tell({ type: 'draining', sessions: drainTally.open.size, deadline: settings.drainTimeout });
      // Lines that are let in late need time to be delivered.
      return lastIntake(drainTally.open, pendingTotal, settings.drainTimeout / 2);
    };

    const outflow = new Outflow(pendingTotal, {
      depart: (session, reason) => {
        drainTally.depart(session, reason);
        settings.meter?.depart(session);
        const { name, remote, accepted, delivered, abandoned } = session;
        tell({ type: 'left', name, remote, reason, accepted, delivered, abandoned });
      },
      surprise: ({ name, remote }, failure) => {
        tell({ type: 'bug', name, remote, failure });
      },
    });
    const share = new TurnShare();
    const latency = settings.meter?.latency;
    const read = { ...settings, latency };
    const run$ = pipeline(sessions$, {
      drain$: signal$.pipe(switchMap(beginDrain)),
      deadline$,
      reader: (session) => reader(session, read, share),
      admission: admissionOf({ ...settings, reload$ }, tell, out),
      broker: broker(settings, tell),
      writer: (payloads) => writer(payloads, { ...settings, latency }, outflow),
    });
    out.add(
      interval(SWEEP_MS)
        .pipe(
          exhaustMap(() => vanished(drainTally.open)),
          concatMap((sessions) => sessions),
        )
        .subscribe((session) => {
          session.dismiss('vanished');
        }),
    );
    return concat(
      run$,
      defer(() => of<ServerEvent>({ type: 'drained', report: drainTally.report() })),
      defer(() => trouble.outcome()),
    ).subscribe(out);
  }).pipe(tap((event) => options.meter?.observe(event)));
}

/** Whether the embedding program vouches for the peer. Sockets have no such property. */
function isTrusted({ socket }: { readonly socket: Connection }): boolean {
  return socket.trusted === true;
}

/** The certificate and key of the TLS endpoints, now and after each reload. */
function credentialsOf(
  { tlsCert, tlsKey, tlsCa, reload$ = EMPTY }: ServerOptions,
  tell: (event: ServerEvent) => void,
  life: Subscription,
): Observable<Credentials> {
  if (tlsCert === undefined || tlsKey === undefined) return NEVER;
  const files = { tlsCert, tlsKey, tlsCa };
  const loaded = new Reloadable('certificates', (before?: Credentials) =>
    readCredentials(files, readerAfter(before)),
  );
  const doubtsOf = (credentials: Credentials) => doubtsAbout(files, credentials, Date.now());
  // A certificate may expire while the server runs.
  life.add(loaded.keep({ reload$, doubt$: interval(DAY_MS), doubtsAbout: doubtsOf, tell }));
  return loaded.value$;
}

/** Admission by the accounts, read now and at each reload. Without an accounts file everybody is let in. */
function admissionOf(
  { accounts: file, guests, reload$ = EMPTY }: ServerOptions,
  tell: (event: ServerEvent) => void,
  life: Subscription,
): Stages['admission'] {
  if (file === undefined) return () => identity;
  const load = (before?: Accounts) => {
    const found = Accounts.read(file, readerAfter(before));
    if (found.size === 0 && before !== undefined && before.size > 0)
      throw new AccountsError(`${file}: no accounts, where there were ${before.size}`);
    return found;
  };
  const accounts = new Reloadable('accounts', load, ({ size }) => size);
  const doubtsOf = ({ size }: Accounts) =>
    size > 0 ? [] : [`${file}: no accounts: ${guests ? 'a guest may take any name' : 'nobody can log in'}`];
  life.add(accounts.keep({ reload$, doubtsAbout: doubtsOf, tell }));
  const admit = admission(accounts, guests);
  return (session) => (isTrusted(session) ? identity : admit(session));
}

/** Reads a file the first time, or again. A running server waits for no pipe. */
function readerAfter(before: unknown): typeof readFirst {
  return before === undefined ? readFirst : readRegular;
}

/** ms between two looks at the dates of certificates. */
const DAY_MS = 24 * 60 * 60 * 1000;

/** ms between two looks for peers that vanished. */
const SWEEP_MS = 30_000;
