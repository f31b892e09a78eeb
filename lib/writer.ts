import { type GroupedObservable, type Observable, defer, finalize, ignoreElements, tap } from 'rxjs';
import { bufferedValuesFrom } from 'rxjs-for-await';
import { Backlog } from './backlog.ts';
import type { Delivery } from './events.ts';
import { type LingerOptions, lingeringClose } from './linger.ts';
import { Outlet } from './outlet.ts';
import { type EndReason, closing, error } from './protocol.ts';
import type { Session } from './session.ts';

export interface WriterOptions extends LingerOptions {
  /** Bytes that may wait for one recipient; one that lets more wait is cut off. */
  readonly maxPending: number;
  /** ms that a write may wait for a peer that does not read. */
  readonly writeTimeout: number;
  readonly plain: boolean;
}

/** Senders are slowed when this part of what may wait for their recipient does. */
const SOFT_PART = 1 / 16;

/** Bytes of one write: what waits longer is written in pieces, so that a slow reader is seen to make progress. */
const WRITE_SIZE = 64 * 1024;

/**
 * One recipient's deliveries to its socket: all that is pending goes out in one write. When the deliveries complete it
 * says `* closing`, lingers, and completes with the socket. Unsubscribing cuts the recipient off. Either way `depart`
 * hears of it, and by then the session's counts are final.
 */
export function writer(
  deliveries: GroupedObservable<Session, Delivery>,
  options: WriterOptions,
  depart: (session: Session, reason: EndReason) => void,
): Observable<never> {
  const session = deliveries.key;
  const { maxPending, writeTimeout, lingerTimeout, plain } = options;
  const outlet = new Outlet(session.socket, writeTimeout);
  const backlog = new Backlog(maxPending * SOFT_PART);
  let reason: EndReason = 'deadline';

  const cutOff = () => {
    outlet.giveUp();
    session.dismiss('slow-consumer');
  };
  const pending$ = deliveries.pipe(
    tap((delivery) => {
      backlog.add(delivery);
      if (backlog.bytes > maxPending) cutOff();
    }),
  );
  const write = async (): Promise<void> => {
    let end: EndReason = 'shutdown';
    // Nothing may be awaited before this loop: it subscribes when it begins, and the first delivery is on its way.
    for await (const batch of bufferedValuesFrom(pending$)) {
      for (const { bytes, count } of writes(batch)) {
        const taken = outlet.write(bytes);
        if (taken === true || (await taken)) session.delivered += count;
        else if (outlet.failure === 'slow-consumer') cutOff();
        backlog.remove(bytes.length);
      }
      end = batch.at(-1)?.end ?? end;
    }
    reason = outlet.failure ?? end;
    await lingeringClose(session.socket, plain ? '' : lastWords(reason, session), {
      ...options,
      writeTimeout: reason === 'slow-consumer' ? lingerTimeout : writeTimeout,
    });
  };
  return defer(write).pipe(
    ignoreElements(),
    finalize(() => {
      session.socket.destroy();
      backlog.release();
      depart(session, reason);
    }),
  );
}

function lastWords(reason: EndReason, { accepted, delivered }: Session): string {
  const complaint =
    reason === 'slow-consumer' ? error('slow-consumer', '', 'you did not read what waited for you') : '';
  return complaint + closing(reason, accepted, delivered);
}

type Write = Pick<Delivery, 'bytes' | 'count'>;

/** Joins deliveries into as few writes as their size allows. */
function writes(batch: readonly Delivery[]): readonly Write[] {
  if (batch.length === 1) return batch;
  const joined: Write[] = [];
  let parts: Buffer[] = [];
  let size = 0;
  let count = 0;
  const flush = () => {
    if (size > 0) joined.push({ bytes: Buffer.concat(parts, size), count });
    parts = [];
    size = count = 0;
  };
  for (const delivery of batch) {
    if (size + delivery.bytes.length > WRITE_SIZE) flush();
    parts.push(delivery.bytes);
    size += delivery.bytes.length;
    count += delivery.count;
  }
  flush();
  return joined;
}
