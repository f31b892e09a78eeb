import { NEWLINE } from './bytes.ts';
import { type Piece, overlong } from './lines.ts';
import type { Session } from './session.ts';
import type { Throttle } from './throttle.ts';

/** Bytes of the first slice of a chunk, and how many times larger each next one is. */
const FIRST_SLICE = 4096;
const GROWTH = 4;

/** Lines that one finds in a first slice where lines are short. */
const MANY = FIRST_SLICE / 64;

/** Where the lines go that are let in. */
export interface Beyond {
  readonly pass: (piece: Piece) => void;
  /** All is in. */
  readonly finish: () => void;
}

/**
 * Lets the lines of a session into the pipeline, and none while it is held. A chunk of short lines goes in by slices,
 * small ones first: they become many times their size on the way, and their sender is to be held before all of them did.
 */
export class Inlet {
  readonly #session: Session;
  readonly #throttle: Throttle | undefined;
  readonly #beyond: Beyond;
  #waiting: Piece[] = [];
  #slice = FIRST_SLICE;
  #ended = false;

  constructor(session: Session, throttle: Throttle | undefined, beyond: Beyond) {
    this.#session = session;
    this.#throttle = throttle;
    this.#beyond = beyond;
  }

  push(piece: Piece): void {
    this.#waiting.push(piece);
    this.resume();
  }

  /** Nothing more comes. */
  end(): void {
    this.#ended = true;
    this.resume();
  }

  /** Goes on as long as nothing holds the session. */
  resume(): void {
    this.#slice = FIRST_SLICE;
    while (this.#waiting.length > 0) {
      if (this.#session.held) return;
      this.#passOne();
    }
    if (this.#ended) this.#beyond.finish();
  }

  /** Lets all in, held or not. */
  flush(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const piece of waiting) this.#beyond.pass(piece);
    if (this.#ended) this.#beyond.finish();
  }

  #passOne(): void {
    const [piece = overlong] = this.#waiting;
    const end = piece === overlong ? 0 : this.#endOfSlice(piece);
    if (piece === overlong || end === piece.length) {
      this.#waiting.shift();
      this.#beyond.pass(piece);
      return;
    }
    this.#waiting[0] = piece.subarray(end);
    this.#beyond.pass(piece.subarray(0, end));
  }

  #endOfSlice(block: Buffer): number {
    const whole = block.length <= this.#slice || !hasMany(block);
    const end = whole ? block.length : block.indexOf(NEWLINE, this.#slice - 1) + 1;
    this.#slice *= GROWTH;
    return this.#throttle?.admit(block.subarray(0, end)) ?? end;
  }
}

/** Whether `block`, which is longer, begins with short lines. */
function hasMany(block: Buffer): boolean {
  let at = 0;
  for (let line = 0; line < MANY; line += 1) {
    at = block.indexOf(NEWLINE, at) + 1;
    if (at === 0 || at > FIRST_SLICE) return false;
  }
  return true;
}
