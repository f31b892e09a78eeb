import type { Payload } from './events.ts';

/** Upper bounds of the buckets, in seconds. */
export const BOUNDS: readonly number[] = [
  ...[0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
];

/**
 * How long messages took from being read to being handed to the operating system, as a histogram. It takes
 * one sample for many messages, which no library's does and which is what makes it cost nothing.
 */
export class Latency {
  /** Messages in each bucket, and beyond the last. */
  readonly buckets: number[] = Array.from({ length: BOUNDS.length + 1 }, () => 0);
  /** Seconds that all of them took. */
  sum = 0;

  observe(seconds: number, messages: number): void {
    const bucket = BOUNDS.findIndex((bound) => seconds <= bound);
    const index = bucket < 0 ? BOUNDS.length : bucket;
    this.buckets[index] = (this.buckets[index] ?? 0) + messages;
    this.sum += seconds * messages;
  }
}

/**
 * Takes the time of one recipient's writes. All that is written together counts from when the first of it was
 * read: the others came at most as much later as that one had to wait.
 */
export class Stopwatch {
  readonly #latency: Latency;
  /** When the first message that waits was read, and the first of those that are being written; ms. */
  #waiting: number | undefined;
  #taken: number | undefined;

  constructor(latency: Latency) {
    this.#latency = latency;
  }

  arrive({ count, from }: Payload): void {
    if (count > 0) this.#waiting ??= from.readAt;
  }

  /** What arrived so far is about to be written. */
  take(): void {
    this.#taken = this.#waiting;
    this.#waiting = undefined;
  }

  /** So many of the messages that were taken are written. */
  written(messages: number): void {
    if (messages === 0 || this.#taken === undefined) return;
    this.#latency.observe((performance.now() - this.#taken) / 1000, messages);
  }
}
