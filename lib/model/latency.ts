import type { Payload } from './events.ts';

/** Upper bounds of the buckets, in seconds. */
export const BOUNDS: readonly number[] = [
  ...[0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
];

/**
 * A histogram of the time from the reading of messages to their writing. One sample counts for many messages:
 * the histograms of libraries lack that, and it is why a message costs nothing here.
 */
export class Latency {
  /** Messages in each bucket, and behind the last bound. */
  readonly buckets: number[] = Array.from({ length: BOUNDS.length + 1 }, () => 0);
  /** Seconds that all messages took together. */
  sum = 0;

  /** Counts messages that took `seconds` each. */
  observe(seconds: number, messages: number): void {
    const bucket = BOUNDS.findIndex((bound) => seconds <= bound);
    const index = bucket < 0 ? BOUNDS.length : bucket;
    this.buckets[index] = (this.buckets[index] ?? 0) + messages;
    this.sum += seconds * messages;
  }
}

/**
 * Measures the latency of the messages to one recipient. All messages of a write count from when the first of
 * them was read. The others came later, by at most the time that the first one waited.
 */
export class Stopwatch {
  readonly #latency: Latency;
  /** When the first message that waits was read, in ms. */
  #waiting: number | undefined;
  /** When the first message that is being written was read, in ms. */
  #taken: number | undefined;

  constructor(latency: Latency) {
    this.#latency = latency;
  }

  /** A payload begins to wait. */
  arrive({ count, from }: Payload): void {
    if (count > 0) this.#waiting ??= from.readAt;
  }

  /** The payloads that wait are about to be written. */
  take(): void {
    this.#taken = this.#waiting;
    this.#waiting = undefined;
  }

  /** Some of these messages are written. */
  written(messages: number): void {
    if (messages === 0 || this.#taken === undefined) return;
    this.#latency.observe((performance.now() - this.#taken) / 1000, messages);
  }
}
