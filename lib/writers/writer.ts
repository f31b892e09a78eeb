import {
  type GroupedObservable,
  Observable,
  type Observer,
  type Subscriber,
  type Unsubscribable,
} from 'rxjs';
import { bufferedValuesFrom } from 'rxjs-for-await';
import { Backlog } from './backlog.ts';
import { apart } from '../model/bytes.ts';
import type { Payload } from '../model/events.ts';
import { type Latency, Stopwatch } from '../model/latency.ts';
import { lingeringClose } from './lingering-close.ts';
import { SocketWriter } from './socket-writer.ts';
import type { Outflow } from './outflow.ts';
import { type EndReason, closing, error } from '../protocol/wire.ts';
import type { Session } from '../model/session.ts';
import { DISTANCE } from '../os/tcp-table.ts';

export interface WriterOptions {
  /**
   * Bytes that may wait for one recipient. A recipient that lets more wait and takes nothing for a while is
   * cut off.
   */
  readonly maxPending: number;
  /** ms that a peer may take nothing while something waits for it. */
  readonly writeTimeout: number;
  /** ms of silence after which a closed peer that does not hang up is hung up on. */
  readonly lingerTimeout: number;
  /** Whether only `from` lines are written. */
  readonly plain: boolean;
  /** Measures how long messages take. */
  readonly latency?: Latency | undefined;
}

/** Part of `maxPending` above which the senders to a recipient are held. */
const SOFT_PART = 1 / 64;

/** Multiple of `maxPending` above which a recipient is cut off at once. */
const HARD_PART = 4;

/**
 * Bytes below which a write is small. After a small write the next one waits until so many bytes have come,
 * or the turn of the event loop ends. So a line to a thousand recipients costs each of them a system call a
 * turn, not one a chunk. Larger writes are made while their bytes are in the cache.
 */
const SMALL_WRITE_BYTES = 16 * 1024;

/**
 * Writes the deliveries of one recipient to its socket. All that is pending goes out in one write. When the
 * deliveries complete, the writer says `* closing`, lingers, and completes when the socket is closed.
 * Unsubscribing cuts the recipient off.
 */
export function writer(
  payloads: GroupedObservable<Session, Payload>,
  options: WriterOptions,
  outflow: Outflow,
): Observable<never> {
  return new Observable((out) => {
    const writing = new Writing(payloads.key, options, outflow);
    out.add(writing);
    void writing.write(payloads, out);
  });
}

/** It is one object with few closures, because ten thousand idle connections have one each. */
class Writing implements Observer<Payload>, Unsubscribable {
  readonly #session: Session;
  readonly #options: WriterOptions;
  readonly #outflow: Outflow;
  readonly #backlog: Backlog;
  readonly #socketWriter: SocketWriter;
  readonly #stopwatch: Stopwatch | undefined;
  /** Takes the payloads to the loop that writes them. */
  #pending: Subscriber<Payload> | undefined;
  /** Bytes of the payloads that wait. */
  #unwritten = 0;
  /** Ends the wait of a small write. */
  #goOn: (() => void) | undefined;
  /** Why the session ends; `deadline` until another reason is known. */
  #reason: EndReason = 'deadline';

  constructor(session: Session, options: WriterOptions, outflow: Outflow) {
    const { maxPending, writeTimeout, latency } = options;
    this.#session = session;
    this.#options = options;
    this.#outflow = outflow;
    this.#backlog = new Backlog(maxPending * SOFT_PART, outflow.total, session);
    this.#socketWriter = new SocketWriter(session, writeTimeout, () => this.#backlog.bytes <= maxPending);
    this.#stopwatch = latency && new Stopwatch(latency);
  }

  /** Writes all deliveries, then completes `out`. */
  async write(payloads: Observable<Payload>, out: Subscriber<never>): Promise<void> {
    try {
      await this.#end(await this.#writeAll(payloads));
    } catch (failure) {
      this.#fail(failure);
      // Deliveries that still come are counted, until the broker has heard of the end.
      await new Promise<void>((resolve) => {
        out.add(payloads.subscribe({ complete: resolve }));
      });
      this.#reason = 'internal-error';
    }
    out.complete();
  }

  /** Writes all deliveries. Resolves with the reason of the last one. */
  async #writeAll(payloads: Observable<Payload>): Promise<EndReason> {
    let end: EndReason = 'shutdown';
    // Nothing may be awaited before this loop: it subscribes when it begins, and the first delivery is on its
    // way.
    for await (const batch of bufferedValuesFrom(this.#arrivals(payloads))) {
      this.#stopwatch?.take();
      let size = 0;
      for (const write of this.#outflow.writeBatches.pack(batch)) {
        const taken = this.#socketWriter.write(write);
        if (taken === true || (await taken)) this.#stopwatch?.written(write.count);
        size += write.size;
        this.#unwritten -= write.size;
        this.#backlog.remove(write.cost);
      }
      if (this.#socketWriter.failure !== undefined) this.#session.dismiss(this.#socketWriter.failure);
      end = batch.at(-1)?.end ?? end;
      // The loop would keep the written payloads until more come. V8 frees young objects for next to nothing,
      // and stops the program to free old ones.
      batch.length = 0;
      if (size < SMALL_WRITE_BYTES) await this.#enough();
      this.#goOn = undefined;
    }
    return end;
  }

  next(payload: Payload): void {
    try {
      this.#arrive(payload);
    } catch (failure) {
      this.#fail(failure);
    }
  }

  error(failure: unknown): void {
    this.#pending?.error(failure);
  }

  complete(): void {
    this.#pending?.complete();
  }

  unsubscribe(): void {
    this.#backlog.clear();
    if (this.#socketWriter.cut() > 0 && this.#reason === 'shutdown') this.#reason = 'deadline';
    this.#outflow.observer.depart(this.#session, this.#reason);
  }

  /** The deliveries, after they passed through `next`. */
  #arrivals(payloads: Observable<Payload>): Observable<Payload> {
    return new Observable((pending) => {
      this.#pending = pending;
      return payloads.subscribe(this);
    });
  }

  #arrive(payload: Payload): void {
    this.#unwritten += payload.bytes.length;
    this.#backlog.add(payload);
    this.#stopwatch?.arrive(payload);
    if (this.#unwritten >= SMALL_WRITE_BYTES) this.#goOn?.();
    if (this.#backlog.bytes > this.#options.maxPending * HARD_PART) this.#socketWriter.fail('slow-consumer');
    this.#pending?.next(this.#socketWriter.isStuck ? this.#toKeep(payload) : payload);
  }

  /** Ends this session alone for a bug. */
  #fail(failure: unknown): void {
    this.#outflow.observer.surprise(this.#session, failure);
    this.#socketWriter.fail('internal-error');
    this.#session.dismiss('internal-error');
  }

  /**
   * The payload as it waits for a peer that does not read. That may take long, so it keeps neither other
   * bytes nor its sender in memory.
   */
  #toKeep({ bytes, count, end }: Payload): Payload {
    return { bytes: apart(bytes), count, from: this.#session, end };
  }

  /** Resolves when enough has come for a write, or the wait is over. */
  #enough(): Promise<void> {
    return new Promise((resolve) => {
      this.#goOn = resolve;
      this.#outflow.flushTiming.atEnd(resolve);
    });
  }

  /** Says the last line, and waits until the peer hangs up. */
  async #end(end: EndReason): Promise<void> {
    const { socket, accepted } = this.#session;
    this.#reason = this.#socketWriter.failure ?? end;
    this.#socketWriter.end(
      this.#options.plain ? '' : lastLines(this.#reason, accepted, this.#socketWriter.hoped),
    );
    const { lingerTimeout, writeTimeout } = this.#options;
    const hangUp = (onItsWay: number) => {
      if (this.#socketWriter.cut(onItsWay) > 0 && this.#reason !== 'reset') this.#reason = 'slow-consumer';
    };
    const isAtRisk = () => this.#socketWriter.isAtRisk;
    // A slow consumer has used up its time.
    const isGivenUp = this.#reason === 'slow-consumer';
    const takingTimeout = isGivenUp ? 0 : writeTimeout;
    const distance = DISTANCE[end === 'shutdown' ? 'last' : isGivenUp ? 'prompt' : 'patient'];
    await lingeringClose({ socket, isAtRisk, distance, hangUp }, { lingerTimeout, takingTimeout });
  }
}

function lastLines(reason: EndReason, accepted: number, delivered: number): string {
  const complaint =
    reason === 'slow-consumer' ? error('slow-consumer', '', 'you did not read what waited for you') : '';
  return complaint + closing(reason, accepted, delivered);
}
