/** ms of a turn of the event loop that may be spent on lines; then timers, other sockets and writes have their turn. */
const SHARE_MS = 20;

/** Somebody who has work that waits. */
export interface Worker {
  /** Does some of it, and comes back later for what is left. */
  readonly work: () => void;
}

/**
 * Shares each turn of the event loop among the sessions whose lines are taken. Who finds the turn used up, or has used
 * up a fair part of it, waits for the next one; who only came late goes before who has much to do.
 */
export class TurnShare {
  readonly #share: number;
  #began: number | undefined;
  #late: Worker[] = [];
  #busy: Worker[] = [];

  /** @param share ms of a turn */
  constructor(share = SHARE_MS) {
    this.#share = share;
  }

  /** Whether there is time left in this turn. */
  get isLeft(): boolean {
    return performance.now() - this.#begin() < this.#share;
  }

  /** When the first work of this turn began. */
  #begin(): number {
    if (this.#began === undefined) {
      this.#began = performance.now();
      setImmediate(this.#nextTurn);
    }
    return this.#began;
  }

  /** Has `worker` work in a later turn. */
  later(worker: Worker, isBusy: boolean): void {
    this.#begin();
    (isBusy ? this.#busy : this.#late).push(worker);
  }

  readonly #nextTurn = (): void => {
    this.#began = undefined;
    const [late, busy] = [this.#late, this.#busy];
    if (late.length === 0 && busy.length === 0) return;
    this.#late = [];
    this.#busy = [];
    const lateLeft = late.slice(this.#work(late));
    const busyLeft = busy.slice(this.#work(busy));
    this.#late = [...lateLeft, ...this.#late];
    this.#busy = [...busyLeft, ...this.#busy];
  };

  /** Has them work as long as there is time; returns how many did. */
  #work(workers: readonly Worker[]): number {
    let count = 0;
    for (const worker of workers) {
      if (!this.isLeft) break;
      worker.work();
      count += 1;
    }
    return count;
  }
}
