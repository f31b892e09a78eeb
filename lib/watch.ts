import type { Duplex } from 'node:stream';
import { DISTANCE, look } from './tcp-table.ts';
import { queueOf } from './write-queue.ts';

/** How often one looks in each time-out. */
const LOOKS = 4;

/** Who is watched, and what is to be done about it. */
export interface Watched {
  readonly socket: Duplex;
  /** Whether that much may wait; otherwise one look without progress is enough. */
  readonly isTolerable: () => boolean;
  /** Hears, where the system tells, how many of the bytes handed to it have not arrived yet. */
  readonly onLook: (bytes: number) => void;
  readonly onStuck: () => void;
}

/**
 * Watches a connection that something waits for, and calls `onStuck` when its peer has taken nothing for the time-out, or
 * from one look to the next while more waits than is tolerable. A burst alone is no reason: many may write to a peer
 * that reads all the time.
 *
 * The kernel takes more only when its buffer, which may be megabytes, has much room again: a peer that reads slowly but
 * steadily would look dead for a minute. So the system is asked what was acknowledged, where nothing else moves.
 */
export class Watch {
  readonly #watched: Watched;
  readonly #timeout: number;
  readonly #timer: NodeJS.Timeout;
  #progress = performance.now();
  #queue: number;
  /** As the system told last; `undefined` until it was asked, and where it does not tell. */
  #unacknowledged: number | undefined;
  #asked = 0;
  #isOver = false;

  /** @param timeout ms */
  constructor(watched: Watched, timeout: number) {
    this.#watched = watched;
    this.#timeout = timeout;
    this.#queue = queueOf(watched.socket);
    this.#timer = setInterval(() => {
      this.#look();
    }, timeout / LOOKS);
  }

  stop(): void {
    this.#isOver = true;
    clearInterval(this.#timer);
  }

  #look(): void {
    const { socket } = this.#watched;
    const queue = queueOf(socket);
    if (queue === this.#queue) {
      void look([socket], DISTANCE.prompt).then((reading) => {
        if (!this.#isOver) this.#judge(queue, reading.rowOf(socket)?.unacknowledged);
      });
      return;
    }
    this.#queue = queue;
    this.#progress = performance.now();
  }

  #judge(queue: number, unacknowledged: number | undefined): void {
    const { isTolerable, onLook, onStuck } = this.#watched;
    const now = performance.now();
    if (unacknowledged !== undefined) {
      onLook(queue + unacknowledged);
      // The first answer only tells where the peer is.
      if (this.#asked > 0 && unacknowledged !== this.#unacknowledged) this.#progress = now;
      this.#unacknowledged = unacknowledged;
      this.#asked += 1;
      if (this.#asked === 1) return;
    }
    if (now - this.#progress >= (isTolerable() ? this.#timeout : this.#timeout / LOOKS)) onStuck();
  }
}
