import { costOf } from './backlog.ts';
import type { Payload } from '../model/events.ts';

/** Whole lines for one system call. */
export interface Write {
  readonly parts: readonly Buffer[];
  /** Bytes of all parts. */
  readonly size: number;
  /** Messages among the lines. */
  readonly count: number;
  /** Bytes of memory that the lines took while they waited. */
  readonly cost: number;
}

/** Most bytes of a write of several payloads. The cost of the system call is lost in so many. */
const WRITE_BYTES = 256 * 1024;

/** Bytes from which on a payload stays a part of its own. Smaller ones are copied together. */
const LARGE_BYTES = 16 * 1024;

/**
 * Makes few writes of many payloads: small ones are copied together, large ones stay apart. The recipients of
 * a fan-out have the same payloads, one recipient after the other. So the latest writes are kept for a moment
 * and used again.
 */
export class WriteBatches {
  #payloads: readonly Payload[] = [];
  #writes: readonly Write[] = [];

  /** The writes of the payloads, in order. */
  pack(payloads: readonly Payload[]): readonly Write[] {
    if (payloads.length === 1) return writesOf(payloads);
    if (!this.#isLatest(payloads)) {
      if (this.#payloads.length === 0) setImmediate(this.#forget);
      this.#payloads = payloads.slice();
      this.#writes = writesOf(payloads);
    }
    return this.#writes;
  }

  #isLatest(payloads: readonly Payload[]): boolean {
    const latest = this.#payloads;
    return payloads.length === latest.length && payloads.every((payload, index) => payload === latest[index]);
  }

  readonly #forget = (): void => {
    this.#payloads = [];
    this.#writes = [];
  };
}

function writesOf(payloads: readonly Payload[]): readonly Write[] {
  const writes: Write[] = [];
  let parts: Buffer[] = [];
  let small: Buffer[] = [];
  let size = 0;
  let count = 0;
  let cost = 0;
  const join = () => {
    const [only] = small;
    if (only !== undefined) parts.push(small.length === 1 ? only : Buffer.concat(small));
    small = [];
  };
  const finish = () => {
    join();
    if (size > 0) writes.push({ parts, size, count, cost });
    parts = [];
    size = count = cost = 0;
  };
  for (const payload of payloads) {
    const { bytes, count: messages } = payload;
    if (size + bytes.length > WRITE_BYTES) finish();
    if (bytes.length >= LARGE_BYTES) {
      join();
      parts.push(bytes);
    } else if (bytes.length > 0) {
      small.push(bytes);
    }
    size += bytes.length;
    count += messages;
    cost += costOf(payload);
  }
  finish();
  return writes;
}
