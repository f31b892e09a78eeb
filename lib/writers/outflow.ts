import { FlushTiming } from './flush-timing.ts';
import type { PendingTotal } from '../model/pending-total.ts';
import { WriteBatches } from './write-batches.ts';
import type { EndReason } from '../protocol/wire.ts';
import type { Session } from '../model/session.ts';

/** Hears of the ends and the bugs of recipients. */
export interface OutflowObserver {
  /** Hears of each session whose writer has ended. Its counts are final. */
  readonly depart: (session: Session, reason: EndReason) => void;
  /** Hears of a bug that came up while a recipient was served. */
  readonly surprise: (session: Session, failure: unknown) => void;
}

/** Shared by all writers. */
export class Outflow {
  /** What waits for all recipients together. */
  readonly total: PendingTotal;
  /** Decides how long small writes wait for more. */
  readonly flushTiming: FlushTiming;
  /** Makes few writes of many payloads. */
  readonly writeBatches = new WriteBatches();
  readonly observer: OutflowObserver;

  constructor(total: PendingTotal, observer: OutflowObserver) {
    this.total = total;
    this.flushTiming = new FlushTiming(total);
    this.observer = observer;
  }
}
