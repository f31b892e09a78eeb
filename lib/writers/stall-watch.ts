import type { Session } from '../model/session.ts';
import { DISTANCE, look } from '../os/tcp-table.ts';
import { queueOf } from '../os/write-queue.ts';

/** Looks at the connection in each time-out. */
const LOOKS_PER_TIMEOUT = 4;

/** Hears what the watch finds. */
export interface Watcher {
  /** Whether no more waits than may. Otherwise one look without progress is enough. */
  readonly isTolerable: () => boolean;
  /** Hears how many of the bytes handed to the system have not arrived, where the system tells. */
  readonly onLook: (bytes: number) => void;
  /** Hears that the peer takes nothing. */
  readonly onStuck: () => void;
}

/**
 * Watches a connection that something waits for. Calls `onStuck` when the peer has taken nothing for the
 * time-out, or from one look to the next while more waits than may. A burst alone is no reason: many may
 * write to a peer that reads all the time. The time stands still while the peer itself is held.
 *
 * The kernel takes more only when its buffer, which may be megabytes, has much room again. A peer that reads
 * slowly but steadily would look dead for a minute. So the system is asked what was acknowledged, where
 * nothing else moves.
 */
export class StallWatch {
  readonly #session: Session;
  readonly #timeout: number;
  readonly #watcher: Watcher;
  readonly #timer: NodeJS.Timeout;
  /** When the last look was, in ms. */
  #looked = performance.now();
  /** ms for which the session had been held at the last look. */
  #heldFor: number;
  /** ms in which the peer took nothing and was not held. */
  #idle = 0;
  /** Bytes that the kernel had not taken at the last look. */
  #queue: number;
  /** Unacknowledged bytes by the last answer of the system; `undefined` where it has not told. */
  #unacknowledged: number | undefined;
  #isAsking = false;
  #isOver = false;

  /** @param timeout ms that the peer may take nothing */
  constructor(session: Session, timeout: number, watcher: Watcher) {
    this.#session = session;
    this.#timeout = timeout;
    this.#watcher = watcher;
    this.#heldFor = session.heldFor;
    this.#queue = queueOf(session.socket);
    session.stuckSince = this.#looked;
    this.#timer = setInterval(() => {
      if (!this.#isAsking) this.#look();
    }, timeout / LOOKS_PER_TIMEOUT);
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
    // The first answer has nothing to be compared with.
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
    return this.#idle >= (this.#watcher.isTolerable() ? this.#timeout : this.#timeout / LOOKS_PER_TIMEOUT);
  }
}
