/**
 * What waits for all recipients together, in bytes of memory. Over the limit each of them has an equal share
 * of it, and whoever writes to one that has more is held: those who write to others notice nothing.
 */
export class PendingTotal {
  readonly #limit: number;
  #bytes = 0;
  /** Recipients for whom something waits. */
  #recipients = 0;

  /** @param limit in bytes */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get limit(): number {
    return this.#limit;
  }

  /** Bytes that may wait for one recipient without its senders being held. */
  get share(): number {
    return this.#bytes <= this.#limit ? Infinity : this.#limit / Math.max(1, this.#recipients);
  }

  /** For one recipient so much waits now, in place of so much before. */
  change(before: number, after: number): void {
    this.#bytes += after - before;
    this.#recipients += Number(after > 0) - Number(before > 0);
  }
}
