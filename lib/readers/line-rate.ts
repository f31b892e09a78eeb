import { type Subscription, asyncScheduler } from 'rxjs';
import { NEWLINE } from '../model/bytes.ts';
import type { Session } from '../model/session.ts';

/**
 * Slows a session that sends more lines than it may: it is held until it is back within its rate, and loses
 * nothing. A second's worth may come at once.
 */
export class LineRate {
  readonly #session: Session;
  readonly #rate: number;
  /** ms of the rate that each line uses up. */
  readonly #cost: number;
  /** When all lines so far are paid for, in ms. */
  #paid = 0;
  #pause: Subscription | undefined;

  /** @param rate lines a second */
  constructor(session: Session, rate: number) {
    this.#session = session;
    this.#rate = rate;
    this.#cost = 1000 / rate;
  }

  /**
   * How much of `block`, whole lines, may go on now: at least one line. Holds the session if that uses up its
   * rate.
   */
  admit(block: Buffer): number {
    const now = performance.now();
    this.#paid = Math.max(now, this.#paid);
    const allowed = Math.max(1, Math.min(this.#rate, Math.floor((now + 1000 - this.#paid) / this.#cost)));
    let lines = 0;
    let end = 0;
    while (lines < allowed && end < block.length) {
      end = block.indexOf(NEWLINE, end) + 1;
      lines += 1;
    }
    this.#paid += lines * this.#cost;
    const excess = this.#paid + this.#cost - now - 1000;
    if (excess > 0 && this.#pause === undefined) this.#hold(excess);
    return end;
  }

  release(): void {
    if (this.#pause === undefined) return;
    this.#pause.unsubscribe();
    this.#pause = undefined;
    this.#session.release();
  }

  #hold(ms: number): void {
    this.#session.hold();
    this.#pause = asyncScheduler.schedule(() => {
      this.release();
    }, ms);
  }
}
