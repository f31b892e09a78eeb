import type { Piece } from './lines.ts';
import type { Session } from './session.ts';
import type { Throttle } from './throttle.ts';

/** Characters of the first slice of a chunk, and of the largest. */
const FIRST_SLICE = 4096;
const LAST_SLICE = 262_144;

/**
 * Lets the lines of a session into the pipeline, and none while it is held. A chunk goes in by slices, small ones first:
 * short lines become many times their size on the way, and a sender is to be held before all of its chunk did.
 */
export class Inlet {
  readonly #session: Session;
  readonly #pass: (piece: Piece) => void;
  readonly #throttle: Throttle | undefined;
  #waiting: Piece[] = [];
  #slice = FIRST_SLICE;
  #finish: (() => void) | undefined;

  constructor(session: Session, throttle: Throttle | undefined, pass: (piece: Piece) => void) {
    this.#session = session;
    this.#throttle = throttle;
    this.#pass = pass;
  }

  push(piece: Piece): void {
    this.#waiting.push(piece);
    this.resume();
  }

  /** Calls `finish` when all that came is in. */
  end(finish: () => void): void {
    this.#finish = finish;
    this.resume();
  }

  /** Goes on as long as nothing holds the session. */
  resume(): void {
    this.#slice = FIRST_SLICE;
    while (this.#waiting.length > 0) {
      if (this.#session.held) return;
      this.#passOne();
    }
    this.#finish?.();
  }

  /** Lets all in, held or not. */
  flush(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const piece of waiting) this.#pass(piece);
    this.#finish?.();
  }

  #passOne(): void {
    const [piece = ''] = this.#waiting;
    const end = typeof piece === 'string' ? this.#endOfSlice(piece) : 0;
    if (typeof piece !== 'string' || end === piece.length) {
      this.#waiting.shift();
      this.#pass(piece);
      return;
    }
    this.#waiting[0] = piece.slice(end);
    this.#pass(piece.slice(0, end));
  }

  #endOfSlice(text: string): number {
    const end = text.length <= this.#slice ? text.length : text.indexOf('\n', this.#slice - 1) + 1;
    this.#slice = Math.min(4 * this.#slice, LAST_SLICE);
    return this.#throttle?.admit(text.slice(0, end)) ?? end;
  }
}
