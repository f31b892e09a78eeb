import { type Subscription, asyncScheduler } from 'rxjs';
import { NEWLINE } from '../model/bytes.ts';
import type { Session } from '../model/session.ts';

/**
 * Limits the lines of a session a second. A session above its rate is held until it is within it again, and
 * loses nothing. The lines of one second may come at once.
 */
export class LineRate {
  readonly #session: Session;
  readonly #rate: number;
  /** ms that one line takes at this rate. */
  readonly #lineMs: number;
  /** Time by which the lines so far are within the rate, in ms. */
  #paidUntil = 0;
  #pause: Subscription | undefined;

  /** @param rate lines a second */
  constructor(session: Session, rate: number) {
    this.#session = session;
    this.#rate = rate;
    this.#lineMs = 1000 / rate;
  }

  /**
   * Bytes of `block`, of whole lines, that may enter now: those of one line or more. Holds the session if
   * they use up its rate.
   */
  admit(block: Buffer): number {
    const now = performance.now();
    this.#paidUntil = Math.max(now, this.#paidUntil);
    const allowed = Math.max(
      1,
      Math.min(this.#rate, Math.floor((now + 1000 - this.#paidUntil) / this.#lineMs)),
    );
    let lines = 0;
    let end = 0;
    while (lines < allowed && end < block.length) {
      end = block.indexOf(NEWLINE, end) + 1;
      lines += 1;
    }
    this.#paidUntil += lines * this.#lineMs;
    const excess = this.#paidUntil + this.#lineMs - now - 1000;
    if (excess > 0 && this.#pause === undefined) this.#hold(excess);
    return end;
  }

  /** Releases the session, if it is held for its rate. */
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
