/**
 * ms of a turn of the event loop that may be spent on lines; then timers, other sockets and writes have their
 * turn.
 */
const SHARE_MS = 40;

/**
 * How many times that lines may take which were read by then. To keep a chunk for the next turn costs as much
 * as to let it in: it grows old, and its memory is freed with all that is old.
 */
const OVERDRAFT = 2;

/**
 * Bytes of lines after which one looks at the clock, and what each piece of work counts for beside its own.
 */
const LOOK_BYTES = 16 * 1024;
const PIECE_BYTES = 2048;

/** Somebody who has work that waits. */
export interface Worker {
  /** Does some of it, and comes back later for what is left. */
  readonly work: () => void;
}

/**
 * Who goes first: who has little to do, then who came late in a turn, then who has had a fair part of one.
 */
const RANKS = ['small', 'late', 'busy'] as const;
export type Rank = (typeof RANKS)[number];

/**
 * Shares each turn of the event loop among the sessions whose lines are taken. Who finds the turn used up, or
 * has used up a fair part of it, waits for the next one.
 */
export class TurnShare {
  readonly #share: number;
  readonly #lookBytes: number;
  #began: number | undefined;
  #isUsedUp = false;
  #isOverdrawn = false;
  /** Bytes since one looked at the clock, which takes longer than to take a short line. */
  #unlooked = 0;
  readonly #waiting: Record<Rank, Set<Worker>> = { small: new Set(), late: new Set(), busy: new Set() };

  /**
   * @param share ms of a turn
   * @param lookBytes bytes of work after which the clock is looked at
   */
  constructor(share = SHARE_MS, lookBytes = LOOK_BYTES) {
    this.#share = share;
    this.#lookBytes = lookBytes;
  }

  /** Whether this turn has had its share: nothing more is to be read in it. */
  get isUsedUp(): boolean {
    return this.#isUsedUp;
  }

  /** Whether there is time left in this turn for a piece of so many bytes that was just read. */
  hasTimeFor(bytes: number): boolean {
    this.#unlooked += PIECE_BYTES + bytes;
    if (this.#unlooked >= this.#lookBytes && !this.#isOverdrawn) {
      this.#unlooked = 0;
      const began = this.#begin();
      const spent = performance.now() - began;
      this.#isUsedUp = spent >= this.#share;
      this.#isOverdrawn = spent >= OVERDRAFT * this.#share;
    }
    return !this.#isOverdrawn;
  }

  /** Has `worker` work in a later turn. */
  later(worker: Worker, rank: Rank): void {
    this.#begin();
    this.#waiting[rank].add(worker);
    setImmediate(this.#nextWorker);
  }

  /** When the first work of this turn began. */
  #begin(): number {
    if (this.#began === undefined) {
      this.#began = performance.now();
      setImmediate(this.#nextTurn);
    }
    return this.#began;
  }

  readonly #nextTurn = (): void => {
    this.#began = undefined;
    this.#isUsedUp = false;
    this.#isOverdrawn = false;
  };

  /**
   * One at a time, as chunks come: what it brings about is written before the next one works, while it is in
   * the CPU's cache and few other bytes wait.
   */
  readonly #nextWorker = (): void => {
    if (!this.hasTimeFor(0) || this.#isUsedUp) {
      setImmediate(this.#nextWorker);
      return;
    }
    for (const rank of RANKS) {
      const waiting = this.#waiting[rank];
      for (const worker of waiting) {
        waiting.delete(worker);
        worker.work();
        return;
      }
    }
  };
}
