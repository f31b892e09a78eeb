/** ms of a turn of the event loop for lines. The rest of the turn is for timers, other sockets and writes. */
const SHARE_MS = 40;

/**
 * Multiple of the share that lines which were read already may use. Keeping a chunk for the next turn costs
 * as much as letting it in: V8 moves it to the memory of old objects, which is dearer to free.
 */
const OVERDRAFT = 2;

/**
 * Bytes of lines between two looks at the clock, and the bytes that each piece of work counts in addition.
 */
const LOOK_BYTES = 16 * 1024;
const PIECE_BYTES = 2048;

/** A session, or part of one, with work that waits. */
export interface Worker {
  /** Does some of the work. What is left is put off again with `later`. */
  readonly work: () => void;
}

/**
 * Order of the workers in a turn: those with little to do, those that came late in a turn, those that have
 * had a fair part of one.
 */
const RANKS = ['small', 'late', 'busy'] as const;
export type Rank = (typeof RANKS)[number];

/**
 * Shares each turn of the event loop among the sessions whose lines are let in. A session waits for the next
 * turn when the share of this one is used up, or when it has had a fair part of it itself.
 */
export class TurnShare {
  readonly #share: number;
  readonly #lookBytes: number;
  /** When the first work of this turn began, in ms. */
  #began: number | undefined;
  #isUsedUp = false;
  #isOverdrawn = false;
  /** Bytes since the last look at the clock, which takes longer than a short line does. */
  #unlooked = 0;
  readonly #waiting: Record<Rank, Set<Worker>> = { small: new Set(), late: new Set(), busy: new Set() };

  /**
   * @param share ms of a turn for lines
   * @param lookBytes bytes of work between two looks at the clock
   */
  constructor(share = SHARE_MS, lookBytes = LOOK_BYTES) {
    this.#share = share;
    this.#lookBytes = lookBytes;
  }

  /** Whether the share of this turn is used up. Nothing more is read in it then. */
  get isUsedUp(): boolean {
    return this.#isUsedUp;
  }

  /** Whether this turn has time left for a piece of `bytes` that was just read. */
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

  /** Begins a turn, if none has begun. Returns when it began, in ms. */
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
   * Has one worker work, and the next one in another callback. What the first brings about is written before
   * the next works, while it is in the CPU's cache and few other bytes wait.
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
