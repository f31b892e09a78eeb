import type { Session } from '../model/session.ts';
import { DISTANCE, look } from '../os/tcp-table.ts';
import { queueOf } from '../os/write-queue.ts';

/** How often one looks in each time-out. */
const LOOKS = 4;

/** Who wants to know. */
export interface Watcher {
  /** Whether that much may wait; otherwise one look without progress is enough. */
  readonly isTolerable: () => boolean;
  /** Hears, where the system tells, how many of the bytes handed to it have not arrived yet. */
  readonly onLook: (bytes: number) => void;
  readonly onStuck: () => void;
}

/**
 * Watches a connection that something waits for, and calls `onStuck` when its peer has taken nothing for the
 * time-out, or from one look to the next while more waits than is tolerable. A burst alone is no reason: many
 * may write to a peer that reads all the time. While the peer is kept waiting itself, its time stands still.
 *
 * The kernel takes more only when its buffer, which may be megabytes, has much room again: a peer that reads
 * slowly but steadily would look dead for a minute. So the system is asked what was acknowledged, where
 * nothing else moves.
 */
export class StallWatch {
  readonly #session: Session;
  readonly #timeout: number;
  readonly #watcher: Watcher;
  readonly #timer: NodeJS.Timeout;
  #looked = performance.now();
  #heldFor: number;
  /** ms in which the peer took nothing and was not kept waiting. */
  #idle = 0;
  #queue: number;
  /** As the system told last; `undefined` until it was asked, and where it does not tell. */
  #unacknowledged: number | undefined;
  #isAsking = false;
  #isOver = false;

  /** @param timeout ms */
  constructor(session: Session, timeout: number, watcher: Watcher) {
    this.#session = session;
    this.#timeout = timeout;
    this.#watcher = watcher;
    this.#heldFor = session.heldFor;
    this.#queue = queueOf(session.socket);
    session.stuckSince = this.#looked;
    this.#timer = setInterval(() => {
      if (!this.#isAsking) this.#look();
    }, timeout / LOOKS);
  }

  stop(): void {
    this.#isOver = true;
    this.#session.stuckSince = undefined;
    clearInterval(this.#timer);
  }

  #look(): void {
    const { socket } = this.#session;
    const queue = queueOf(socket);
    const isMoving = queue !== this.#queue;
    this.#queue = queue;
    if (isMoving) {
      this.#note(true);
      return;
    }
    this.#isAsking = true;
    void look([socket], DISTANCE.prompt).then((reading) => {
      this.#isAsking = false;
      if (!this.#isOver) this.#judge(reading.rowOf(socket)?.unacknowledged);
    });
  }

  #judge(unacknowledged: number | undefined): void {
    const before = this.#unacknowledged;
    this.#unacknowledged = unacknowledged;
    if (unacknowledged !== undefined) this.#watcher.onLook(this.#queue + unacknowledged);
    // The first answer only tells where the peer is.
    const isFirst = before === undefined && unacknowledged !== undefined;
    this.#note(!isFirst && unacknowledged !== before);
    if (!isFirst && this.#isStuck) this.#watcher.onStuck();
  }

  /** @param isProgress whether the peer has taken something since the last look */
  #note(isProgress: boolean): void {
    const session = this.#session;
    const { heldFor } = session;
    const now = performance.now();
    if (isProgress) session.stuckSince = now;
    this.#idle = isProgress ? 0 : this.#idle + now - this.#looked - (heldFor - this.#heldFor);
    this.#looked = now;
    this.#heldFor = heldFor;
  }

  get #isStuck(): boolean {
    if (this.#session.held) return !this.#session.isExcused(this.#timeout);
    return this.#idle >= (this.#watcher.isTolerable() ? this.#timeout : this.#timeout / LOOKS);
  }
}
