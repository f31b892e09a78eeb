import type { Payload } from '../model/events.ts';
import type { PendingTotal } from '../model/pending-total.ts';
import type { Session } from '../model/session.ts';

/**
 * Bytes of memory for each payload that waits for one recipient, beside its own: an entry, an object, a
 * buffer. Measured with messages of a few bytes for recipients that do not read.
 */
const OVERHEAD_BYTES = 512;

/** Bytes of memory that a payload takes while it waits for one recipient. */
export function costOf({ bytes }: Payload): number {
  return bytes.length === 0 ? 0 : bytes.length + OVERHEAD_BYTES;
}

/**
 * Counts what waits for one recipient, in bytes of memory. Above its mark, each session whose input adds to
 * it is held: the socket of that session is not read, and TCP slows its peer down. No other session is
 * touched.
 */
export class Backlog {
  readonly #softMark: number;
  readonly #total: PendingTotal;
  readonly #recipient: Session | undefined;
  /** Senders that are held. Made for the first of them: most recipients never hold anybody. */
  #held: Set<Session> | undefined;
  #bytes = 0;

  /**
   * @param softMark bytes above which senders are held
   * @param total what waits for all recipients together; it may lower the mark
   * @param recipient the session that it waits for
   */
  constructor(softMark: number, total: PendingTotal, recipient?: Session) {
    this.#softMark = softMark;
    this.#total = total;
    this.#recipient = recipient;
  }

  /** Bytes of memory that wait. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Counts a payload, and holds its sender above the mark. */
  add(payload: Payload): void {
    const { from } = payload;
    this.#change(costOf(payload));
    if (this.#bytes <= this.#mark || this.#held?.has(from) === true) return;
    this.#held ??= new Set();
    this.#held.add(from);
    from.hold(this.#recipient);
  }

  /**
   * Uncounts bytes that were written, and releases the senders below half of the mark. The gap keeps a sender
   * from stopping and going with every write.
   */
  remove(bytes: number): void {
    this.#change(-bytes);
    if (this.#held !== undefined && this.#bytes <= this.#mark / 2) this.#release();
  }

  /** Uncounts all, and releases the senders. */
  clear(): void {
    this.#change(-this.#bytes);
    this.#release();
  }

  get #mark(): number {
    return Math.min(this.#softMark, this.#total.share);
  }

  #change(by: number): void {
    const before = this.#bytes;
    this.#bytes += by;
    this.#total.change(before, this.#bytes);
  }

  #release(): void {
    const held = this.#held;
    this.#held = undefined;
    held?.forEach((sender) => {
      sender.release(this.#recipient);
    });
  }
}
