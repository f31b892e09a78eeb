import type { Payload } from '../model/events.ts';
import type { PendingTotal } from '../model/pending-total.ts';
import type { Session } from '../model/session.ts';

/**
 * Bytes of memory that a payload takes beside its own, while it waits for one recipient: an entry, an object,
 * a buffer. Measured with messages of a few bytes for recipients that do not read.
 */
const OVERHEAD_BYTES = 512;

/** What it costs that a payload waits for one recipient, in bytes of memory. */
export function costOf({ bytes }: Payload): number {
  return bytes.length === 0 ? 0 : bytes.length + OVERHEAD_BYTES;
}

/**
 * What waits for a recipient, counted in bytes of memory. Over its mark each session whose input adds to it
 * is held: its socket is not read, and TCP slows its peer down. Nobody else is touched.
 */
export class Backlog {
  readonly #softMark: number;
  readonly #total: PendingTotal;
  readonly #recipient: Session | undefined;
  /** Made when somebody is first held: most recipients never hold anybody. */
  #held: Set<Session> | undefined;
  #bytes = 0;

  /**
   * @param softMark in bytes
   * @param total what waits for all recipients together: it may lower the mark
   * @param recipient for whom it waits
   */
  constructor(softMark: number, total: PendingTotal, recipient?: Session) {
    this.#softMark = softMark;
    this.#total = total;
    this.#recipient = recipient;
  }

  get bytes(): number {
    return this.#bytes;
  }

  add(payload: Payload): void {
    const { from } = payload;
    this.#change(costOf(payload));
    if (this.#bytes <= this.#mark || this.#held?.has(from) === true) return;
    this.#held ??= new Set();
    this.#held.add(from);
    from.hold(this.#recipient);
  }

  /**
   * Half the mark lies between holding and releasing, so that a sender does not stop and go for every write.
   */
  remove(bytes: number): void {
    this.#change(-bytes);
    if (this.#held !== undefined && this.#bytes <= this.#mark / 2) this.#release();
  }

  /** Nothing waits any more. */
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
