/** ms of a turn of the event loop that may be spent on lines; then timers, other sockets and writes have their turn. */
const SHARE_MS = 40;

/** Bytes of lines after which one looks at the clock, and what each piece of work counts for beside its own. */
const LOOK_BYTES = 16 * 1024;
const PIECE_BYTES = 2048;

/** Somebody who has work that waits. */
export interface Worker {
  /** Does some of it, and comes back later for what is left. */
  readonly work: () => void;
}

/** Who goes first: who has little to do, then who came late in a turn, then who has had a fair part of one. */
const RANKS = ['small', 'late', 'busy'] as const;
export type Rank = (typeof RANKS)[number];

type Queues = Record<Rank, Worker[]>;

/**
 * Shares each turn of the event loop among the sessions whose lines are taken. Who finds the turn used up, or has used
 * up a fair part of it, waits for the next one.
 */
export class TurnShare {
  readonly #share: number;
  readonly #lookBytes: number;
  #began: number | undefined;
  #isUsedUp = false;
  /** Bytes since one looked at the clock, which takes longer than to take a short line. */
  #unlooked = 0;
  #queues: Queues = { small: [], late: [], busy: [] };

  /**
   * @param share ms of a turn
   * @param lookBytes bytes of work after which the clock is looked at
   */
  constructor(share = SHARE_MS, lookBytes = LOOK_BYTES) {
    this.#share = share;
    this.#lookBytes = lookBytes;
  }

  /** Whether there is time left in this turn for a piece of work of so many bytes. */
  hasTimeFor(bytes: number): boolean {
    this.#unlooked += PIECE_BYTES + bytes;
    if (this.#unlooked >= this.#lookBytes && !this.#isUsedUp) {
      this.#unlooked = 0;
      const began = this.#begin();
      this.#isUsedUp = performance.now() - began >= this.#share;
    }
    return !this.#isUsedUp;
  }

  /** Has `worker` work in a later turn. */
  later(worker: Worker, rank: Rank): void {
    this.#begin();
    this.#queues[rank].push(worker);
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
    const waiting = this.#queues;
    if (RANKS.every((rank) => waiting[rank].length === 0)) return;
    this.#queues = { small: [], late: [], busy: [] };
    for (const rank of RANKS) {
      const left = waiting[rank].slice(this.#work(waiting[rank]));
      this.#queues[rank] = [...left, ...this.#queues[rank]];
    }
  };

  /** Has them work as long as there is time; returns how many did. */
  #work(workers: readonly Worker[]): number {
    let count = 0;
    for (const worker of workers) {
      if (!this.hasTimeFor(0)) break;
      worker.work();
      count += 1;
    }
    return count;
  }
}
