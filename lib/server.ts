import {
  EMPTY,
  Observable,
  Subject,
  concat,
  defer,
  filter,
  groupBy,
  interval,
  map,
  merge,
  mergeMap,
  of,
  takeUntil,
  tap,
} from 'rxjs';
import type { GroupedObservable, OperatorFunction } from 'rxjs';
import { Backlog } from './backlog.ts';
import { broker } from './broker.ts';
import { showEndpoint } from './endpoint.ts';
import type { Delivery, ServerEvent, SessionEvent } from './events.ts';
import { freeDescriptors, vanished } from './kernel.ts';
import { type ListenObserver, listen } from './listen.ts';
import { type ServerOptions, endpointsOf, serverOptions } from './options.ts';
import { reader } from './reader.ts';
import { type Connection, Session } from './session.ts';
import { type Shutdown, shutdownOf } from './shutdown.ts';
import { Tally } from './tally.ts';
import { writer } from './writer.ts';

/** The stages that the pipeline is made of; the tests put others in their place. */
export interface Stages extends Shutdown {
  readonly reader: (session: Session) => Observable<SessionEvent>;
  readonly broker: OperatorFunction<SessionEvent, Delivery>;
  readonly writer: (deliveries: GroupedObservable<Session, Delivery>) => Observable<never>;
}

/**
 * The pipeline, whole. Sessions come in at the top; the result completes when the last writer has. A shutdown is its
 * completion: `drain$` completes the readers, they complete the broker, it completes the groups, each of them its
 * writer. `takeUntil` stands before the Subject because everything behind it is to be finished, not cut off; the one
 * behind it cuts off whoever is not done at the deadline.
 */
export function pipeline(sessions$: Observable<Session>, stages: Stages): Observable<never> {
  return new Observable((out) => {
    const broker$ = new Subject<SessionEvent>();
    const isLast = (delivery: Delivery) => delivery.end !== undefined;

    const writers = broker$.pipe(
      stages.broker,
      groupBy((delivery) => delivery.to, { duration: (deliveries) => deliveries.pipe(filter(isLast)) }),
      mergeMap(stages.writer),
      takeUntil(stages.deadline$),
    );
    const readers = sessions$.pipe(mergeMap(stages.reader), takeUntil(stages.drain$));

    out.add(writers.subscribe(out));
    out.add(
      readers.subscribe({
        next: (event) => {
          broker$.next(event);
        },
        // A listener that fails is the operator's affair; the broker must not hear of it.
        error: (failure: unknown) => {
          out.error(failure);
        },
        complete: () => {
          broker$.complete();
        },
      }),
    );
  });
}

/**
 * A chat server as the events an operator wants to know. It is cold: subscribing listens. It completes when a shutdown
 * has drained it, after `drained` with the report; unsubscribing closes everything at once. It fails where the address
 * cannot be listened on, with Node's error, and with a `RangeError` or `TypeError` for an option that is none.
 */
export function chatServer(options: Partial<ServerOptions> = {}): Observable<ServerEvent> {
  return new Observable<ServerEvent>((out) => {
    const settings = withinLimits(serverOptions(options));
    const { drain$, deadline$ } = shutdownOf(settings.shutdown$, settings.drainTimeout);
    const tally = new Tally();
    const whole = new Backlog(settings.maxPendingTotal);
    settings.meter?.attach(tally.open, whole);
    const tell = (event: ServerEvent) => {
      out.next(event);
    };

    const { maxConnections, connections$ = EMPTY } = settings;
    const observer: ListenObserver = {
      listening: (endpoint) => {
        const [address, port] =
          endpoint.transport === 'unix' ? [endpoint.path] : [endpoint.host, endpoint.port];
        tell({ type: 'listening', endpoint: showEndpoint(endpoint), address, port, maxConnections });
      },
      failing: ({ message }) => {
        tell({ type: 'failing', message });
      },
    };
    const hasRoom = ({ socket, remote }: Session) => {
      if (tally.open.size < maxConnections + REFUSALS) return true;
      socket.destroy();
      tell({ type: 'refused', code: 'server-full', name: undefined, remote });
      return false;
    };
    const arrivals = endpointsOf(settings).map((endpoint) => {
      const through = showEndpoint(endpoint);
      return listen(endpoint, settings, observer).pipe(
        map((socket) => enter(socket, through)),
        filter(hasRoom),
      );
    });
    // The program's own come first: what they are called is theirs.
    const sessions$ = merge(
      connections$.pipe(map((connection) => enter(connection, 'in-process'))),
      ...arrivals,
    ).pipe(
      tap((session) => {
        tally.arrive(session);
      }),
    );
    const beginDrain = () => {
      for (const session of tally.open) session.readOn();
      tally.begin();
      tell({ type: 'draining', sessions: tally.open.size, deadline: settings.drainTimeout });
    };

    const run$ = pipeline(sessions$, {
      drain$: drain$.pipe(tap(beginDrain)),
      deadline$,
      reader: (session) => reader(session, settings),
      broker: broker(settings, tell),
      writer: (deliveries) =>
        writer(deliveries, settings, whole, (session, reason) => {
          tally.depart(session, reason);
          settings.meter?.depart(session);
          const { name, remote, accepted, delivered, abandoned } = session;
          tell({ type: 'left', name, remote, reason, accepted, delivered, abandoned });
        }),
    });
    out.add(
      interval(SWEEP).subscribe(() => {
        for (const session of vanished(tally.open)) session.dismiss('vanished');
      }),
    );
    return concat(
      run$,
      defer(() => of<ServerEvent>({ type: 'drained', report: tally.report() })),
    ).subscribe(out);
  }).pipe(tap((event) => options.meter?.observe(event)));
}

/** A session of a connection that came in through some place. */
function enter(connection: Connection, through: string): Session {
  // A broken connection is told of by the 'close' that follows; unheard, the error would end the process.
  connection.on('error', () => {});
  const { remoteAddress: address, remotePort: port } = connection;
  return new Session(connection, { through, address, port });
}

/** ms between two looks for peers that vanished. */
const SWEEP = 30_000;

/** Connections that may be open beyond those that are allowed, until they were told why they are refused. */
export const REFUSALS = 64;

/** Descriptors kept free for all that is no session: refused connections, the log, files to look into. */
const SPARE_DESCRIPTORS = 2 * REFUSALS;

/**
 * No more sessions than descriptors. Without one, libuv closes a new connection without a word to anybody; this way its
 * peer is told that the server is full, and whoever is here goes on.
 */
function withinLimits(settings: ServerOptions): ServerOptions {
  const room = (freeDescriptors() ?? Infinity) - SPARE_DESCRIPTORS;
  return { ...settings, maxConnections: Math.max(1, Math.min(settings.maxConnections, room)) };
}
