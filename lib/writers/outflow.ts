import { FlushTiming } from './flush-timing.ts';
import type { PendingTotal } from '../model/pending-total.ts';
import { WriteBatches } from './write-batches.ts';
import type { EndReason } from '../protocol/wire.ts';
import type { Session } from '../model/session.ts';

export interface OutflowObserver {
  /** Hears of each recipient that is written to no more; the session's counts are final by then. */
  readonly depart: (session: Session, reason: EndReason) => void;
  /** Hears of what should not have happened while a recipient was served. */
  readonly surprise: (session: Session, failure: unknown) => void;
}

/** What the writers share. */
export class Outflow {
  /** What waits for all recipients together. */
  readonly total: PendingTotal;
  /** How long small writes wait for more. */
  readonly flushTiming: FlushTiming;
  readonly writeBatches = new WriteBatches();
  readonly observer: OutflowObserver;

  constructor(total: PendingTotal, observer: OutflowObserver) {
    this.total = total;
    this.flushTiming = new FlushTiming(total);
    this.observer = observer;
  }
}
