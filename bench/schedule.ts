import { quantile } from './stats.ts';

/** When each message is due, and how late it was written and arrived; all in ms. */
export class Schedule {
  readonly #senders: number;
  readonly #rate: number;
  readonly #untimed: number;
  readonly #latencies: number[] = [];
  readonly #lateness: number[] = [];
  #began = NaN;

  /**
   * @param rate messages a second, of all senders
   * @param warmUp in seconds: messages due in it are not timed
   */
  constructor(senders: number, rate: number, warmUp: number) {
    this.#senders = senders;
    this.#rate = rate;
    this.#untimed = warmUp * rate;
  }

  begin(): void {
    this.#began = performance.now();
  }

  /** @param number of the message among those of all senders */
  timeOf(number: number): number {
    return this.#began + (number / this.#rate) * 1000;
  }

  written(number: number, late: number): void {
    if (number >= this.#untimed) this.#lateness.push(late);
  }

  /** One sender's messages from number `first` up to, not including, `end` are here. */
  arrived(sender: number, first: number, end: number): void {
    const now = performance.now();
    for (let own = first; own < end; own += 1) {
      const number = own * this.#senders + sender;
      if (number >= this.#untimed) this.#latencies.push(now - this.timeOf(number));
    }
  }

  /** In µs. */
  get figures(): { p50: number; p99: number; late: number } {
    return {
      p50: quantile(this.#latencies, 0.5) * 1000,
      p99: quantile(this.#latencies, 0.99) * 1000,
      late: quantile(this.#lateness, 0.99) * 1000,
    };
  }
}
