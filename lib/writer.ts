import { type GroupedObservable, Observable, tap } from 'rxjs';
import { bufferedValuesFrom } from 'rxjs-for-await';
import { Backlog } from './backlog.ts';
import type { Delivery } from './events.ts';
import { Stopwatch } from './latency.ts';
import { type LingerOptions, lingeringClose } from './linger.ts';
import type { Meter } from './meter.ts';
import { Outlet, type Write } from './outlet.ts';
import { type EndReason, closing, error } from './protocol.ts';
import type { Session } from './session.ts';
import type { Turn } from './turn.ts';

export interface WriterOptions extends LingerOptions {
  /** Bytes that may wait for one recipient; one that lets more wait, and takes nothing for a while, is cut off. */
  readonly maxPending: number;
  /** ms that a write may wait for a peer that does not read. */
  readonly writeTimeout: number;
  readonly plain: boolean;
  /** Measures how long messages take, if given. */
  readonly meter?: Meter | undefined;
}

/** Senders are slowed when this part of what may wait for their recipient does. */
const SOFT_PART = 1 / 64;

/** A recipient for which so many times more waits than may is cut off without a further look. */
const HARD_PART = 4;

/** Bytes of one write where several deliveries are joined: enough for a system call to cost nothing beside them. */
const WRITE_SIZE = 256 * 1024;

/**
 * After a write of less bytes one waits until so many have come, or the turn of the event loop ends: a line to a thousand
 * recipients then costs each of them a system call a turn, not one a chunk. More is better written while it is in the cache.
 */
const SMALL = 16 * 1024;

/**
 * One recipient's deliveries to its socket: all that is pending goes out in one write. When the deliveries complete it
 * says `* closing`, lingers, and completes with the socket. Unsubscribing cuts the recipient off. Either way `depart`
 * hears of it, and by then the session's counts are final.
 *
 * @param whole what waits for all recipients together
 * @param turn how long small writes wait for more
 */
export function writer(
  deliveries: GroupedObservable<Session, Delivery>,
  options: WriterOptions,
  whole: Backlog,
  turn: Turn,
  depart: (session: Session, reason: EndReason) => void,
): Observable<never> {
  return new Observable((out) => {
    const session = deliveries.key;
    const { maxPending, writeTimeout, plain, meter } = options;
    const backlog = new Backlog(maxPending * SOFT_PART, whole);
    const outlet = new Outlet(session, writeTimeout, () => backlog.bytes <= maxPending);
    const stopwatch = meter && new Stopwatch(meter.latency);
    let reason: EndReason = 'deadline';
    let goOn = () => {};
    out.add(() => {
      backlog.clear();
      if (outlet.cut() > 0 && reason === 'shutdown') reason = 'deadline';
      depart(session, reason);
    });

    const pending$ = deliveries.pipe(
      tap((delivery) => {
        backlog.add(delivery);
        stopwatch?.arrive(delivery);
        if (backlog.bytes >= SMALL) goOn();
        if (backlog.bytes > maxPending * HARD_PART) outlet.fail('slow-consumer');
      }),
    );
    const enough = () =>
      new Promise<void>((resolve) => {
        goOn = resolve;
        turn.atEnd(resolve);
      });
    const write = async (): Promise<void> => {
      let end: EndReason = 'shutdown';
      // Nothing may be awaited before this loop: it subscribes when it begins, and the first delivery is on its way.
      for await (const batch of bufferedValuesFrom(pending$)) {
        stopwatch?.take();
        let size = 0;
        for (const piece of writes(batch)) {
          const taken = outlet.write(piece);
          if (taken === true || (await taken)) stopwatch?.written(piece.count);
          size += piece.size;
          backlog.remove(piece.size);
        }
        if (outlet.failure !== undefined) session.dismiss(outlet.failure);
        end = batch.at(-1)?.end ?? end;
        // The loop would keep what was written until more comes, long enough for it to grow old: garbage that dies young
        // costs next to nothing, garbage that does not is collected by halting everything.
        batch.length = 0;
        if (size < SMALL) await enough();
      }
      reason = outlet.failure ?? end;
      outlet.end(plain ? '' : lastWords(reason, session.accepted, outlet.hoped));
      await lingeringClose(session.socket, options, () => {
        if (outlet.cut() > 0 && reason !== 'reset') reason = 'slow-consumer';
      });
    };
    write().then(
      () => {
        out.complete();
      },
      (failure: unknown) => {
        out.error(failure);
      },
    );
  });
}

function lastWords(reason: EndReason, accepted: number, delivered: number): string {
  const complaint =
    reason === 'slow-consumer' ? error('slow-consumer', '', 'you did not read what waited for you') : '';
  return complaint + closing(reason, accepted, delivered);
}

/** Joins deliveries into as few writes as their size allows: small ones are copied together, large ones stay apart. */
function writes(batch: readonly Delivery[]): Write[] {
  const joined: Write[] = [];
  let parts: Buffer[] = [];
  let small: Buffer[] = [];
  let size = 0;
  let count = 0;
  const join = () => {
    const [only] = small;
    if (only !== undefined) parts.push(small.length === 1 ? only : Buffer.concat(small));
    small = [];
  };
  const flush = () => {
    join();
    if (size > 0) joined.push({ parts, size, count });
    parts = [];
    size = count = 0;
  };
  for (const { bytes, count: messages } of batch) {
    if (size + bytes.length > WRITE_SIZE) flush();
    if (bytes.length >= SMALL) {
      join();
      parts.push(bytes);
    } else if (bytes.length > 0) {
      small.push(bytes);
    }
    size += bytes.length;
    count += messages;
  }
  flush();
  return joined;
}
