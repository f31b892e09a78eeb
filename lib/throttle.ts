import { type Subscription, asyncScheduler } from 'rxjs';
import type { Session } from './session.ts';

/**
 * Slows a session that sends more lines than it may: it is held until it is back within its rate, and loses nothing. A
 * second's worth may come at once.
 */
export class Throttle {
  readonly #session: Session;
  /** ms of the rate that each line uses up. */
  readonly #cost: number;
  /** When all lines so far are paid for, in ms. */
  #paid = 0;
  #pause: Subscription | undefined;

  /** @param rate lines a second */
  constructor(session: Session, rate: number) {
    this.#session = session;
    this.#cost = 1000 / rate;
  }

  /** Takes note of `text`, whole lines that came. */
  note(text: string): void {
    const now = asyncScheduler.now();
    this.#paid = Math.max(now, this.#paid) + newlinesIn(text) * this.#cost;
    const excess = this.#paid - now - 1000;
    if (excess <= 0 || this.#pause !== undefined) return;
    this.#session.hold();
    this.#pause = asyncScheduler.schedule(() => {
      this.release();
    }, excess);
  }

  release(): void {
    if (this.#pause === undefined) return;
    this.#pause.unsubscribe();
    this.#pause = undefined;
    this.#session.release();
  }
}

function newlinesIn(text: string): number {
  let count = 0;
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) count += 1;
  return count;
}
