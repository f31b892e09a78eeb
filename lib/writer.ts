import {
  type GroupedObservable,
  Observable,
  type Observer,
  type Subscriber,
  type Unsubscribable,
} from 'rxjs';
import { bufferedValuesFrom } from 'rxjs-for-await';
import { Backlog } from './backlog.ts';
import { apart } from './bytes.ts';
import type { Payload } from './events.ts';
import { Stopwatch } from './latency.ts';
import { type LingerOptions, lingeringClose } from './linger.ts';
import type { Meter } from './meter.ts';
import { Outlet } from './outlet.ts';
import type { Packing } from './packing.ts';
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

/**
 * After a write of less bytes one waits until so many have come, or the turn of the event loop ends: a line to a thousand
 * recipients then costs each of them a system call a turn, not one a chunk. More is better written while it is in the cache.
 */
const SMALL = 16 * 1024;

/** What the writers share. */
export interface Outflow {
  /** What waits for all recipients together. */
  readonly whole: Backlog;
  /** How long small writes wait for more. */
  readonly turn: Turn;
  readonly packing: Packing;
  /** Hears of each recipient that is written to no more; the session's counts are final by then. */
  readonly depart: (session: Session, reason: EndReason) => void;
}

/**
 * One recipient's deliveries to its socket: all that is pending goes out in one write. When the deliveries complete it
 * says `* closing`, lingers, and completes with the socket. Unsubscribing cuts the recipient off.
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

/** An object and few closures: this is what an idle connection costs, ten thousand times. */
class Writing implements Observer<Payload>, Unsubscribable {
  readonly #session: Session;
  readonly #options: WriterOptions;
  readonly #outflow: Outflow;
  readonly #backlog: Backlog;
  readonly #outlet: Outlet;
  readonly #stopwatch: Stopwatch | undefined;
  #pending: Subscriber<Payload> | undefined;
  /** Ends the wait for more. */
  #goOn: (() => void) | undefined;
  #reason: EndReason = 'deadline';

  constructor(session: Session, options: WriterOptions, outflow: Outflow) {
    const { maxPending, writeTimeout, meter } = options;
    this.#session = session;
    this.#options = options;
    this.#outflow = outflow;
    this.#backlog = new Backlog(maxPending * SOFT_PART, outflow.whole, session);
    this.#outlet = new Outlet(session, writeTimeout, this.#backlog, maxPending);
    this.#stopwatch = meter && new Stopwatch(meter.latency);
  }

  /** Writes all there is, then completes `out`. */
  async write(payloads: Observable<Payload>, out: Subscriber<never>): Promise<void> {
    try {
      let end: EndReason = 'shutdown';
      // Nothing may be awaited before this loop: it subscribes when it begins, and the first delivery is on its way.
      for await (const batch of bufferedValuesFrom(this.#arrivals(payloads))) {
        this.#stopwatch?.take();
        let size = 0;
        for (const write of this.#outflow.packing.pack(batch)) {
          const taken = this.#outlet.write(write);
          if (taken === true || (await taken)) this.#stopwatch?.written(write.count);
          size += write.size;
          this.#backlog.remove(write.size);
        }
        if (this.#outlet.failure !== undefined) this.#session.dismiss(this.#outlet.failure);
        end = batch.at(-1)?.end ?? end;
        // The loop would keep what was written until more comes, long enough for it to grow old: garbage that dies
        // young costs next to nothing, other garbage is collected by halting everything.
        batch.length = 0;
        if (size < SMALL) await this.#enough();
        this.#goOn = undefined;
      }
      await this.#end(end);
      out.complete();
    } catch (failure) {
      out.error(failure);
    }
  }

  next(payload: Payload): void {
    this.#backlog.add(payload);
    this.#stopwatch?.arrive(payload);
    if (this.#backlog.bytes >= SMALL) this.#goOn?.();
    if (this.#backlog.bytes > this.#options.maxPending * HARD_PART) this.#outlet.fail('slow-consumer');
    // What waits for a peer that does not read may wait for long.
    const { isStuck } = this.#outlet;
    this.#pending?.next(isStuck ? { ...payload, bytes: apart(payload.bytes) } : payload);
  }

  error(failure: unknown): void {
    this.#pending?.error(failure);
  }

  complete(): void {
    this.#pending?.complete();
  }

  unsubscribe(): void {
    this.#backlog.clear();
    if (this.#outlet.cut() > 0 && this.#reason === 'shutdown') this.#reason = 'deadline';
    this.#outflow.depart(this.#session, this.#reason);
  }

  /** The deliveries, which pass through `next`. */
  #arrivals(payloads: Observable<Payload>): Observable<Payload> {
    return new Observable((pending) => {
      this.#pending = pending;
      return payloads.subscribe(this);
    });
  }

  #enough(): Promise<void> {
    return new Promise((resolve) => {
      this.#goOn = resolve;
      this.#outflow.turn.atEnd(resolve);
    });
  }

  async #end(end: EndReason): Promise<void> {
    const { socket, accepted } = this.#session;
    this.#reason = this.#outlet.failure ?? end;
    this.#outlet.end(this.#options.plain ? '' : lastWords(this.#reason, accepted, this.#outlet.hoped));
    await lingeringClose(socket, this.#options, () => {
      if (this.#outlet.cut() > 0 && this.#reason !== 'reset') this.#reason = 'slow-consumer';
    });
  }
}

function lastWords(reason: EndReason, accepted: number, delivered: number): string {
  const complaint =
    reason === 'slow-consumer' ? error('slow-consumer', '', 'you did not read what waited for you') : '';
  return complaint + closing(reason, accepted, delivered);
}
