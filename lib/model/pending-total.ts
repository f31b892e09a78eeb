/**
 * Counts what waits for all recipients together, in bytes of memory. Above the limit each recipient has an
 * equal share of it. Sessions that write to a recipient with more are held, and no others.
 */
export class PendingTotal {
  readonly #limit: number;
  #bytes = 0;
  /** Recipients for whom something waits. */
  #recipients = 0;

  /** @param limit bytes */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get limit(): number {
    return this.#limit;
  }

  /** Bytes that may wait for one recipient before its senders are held. */
  get share(): number {
    return this.#bytes <= this.#limit ? Infinity : this.#limit / Math.max(1, this.#recipients);
  }

  /** Counts that `after` bytes wait for one recipient, in place of `before`. */
  change(before: number, after: number): void {
    this.#bytes += after - before;
    this.#recipients += Number(after > 0) - Number(before > 0);
  }
}
