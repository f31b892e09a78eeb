import type { Duplex } from 'node:stream';
import { hasArrived, look } from '../os/tcp-table.ts';
import { untaken } from '../os/write-queue.ts';

/** A connection that was half-closed. */
export interface Lingering {
  readonly socket: Duplex;
  /**
   * Whether anything was written to it that would be missed, and of which nobody knows yet that it has
   * arrived.
   */
  readonly isAtRisk: () => boolean;
  /** How soon the system is to be asked. */
  readonly distance: number;
  /** Closes the connection, with so many bytes on their way. */
  readonly hangUp: (onItsWay: number) => void;
}

export interface Patience {
  /** ms of silence after which a peer that has everything is hung up on. */
  readonly lingerTimeout: number;
  /** ms that a peer may take nothing of what is on its way to it. */
  readonly takingTimeout: number;
}

/** Linger timeouts granted to a peer that has all that was for it and talks on. */
const TALK = 4;

/** ms by which a timer may seem to be early: it goes by another clock. */
const EARLY_MS = 2;

/**
 * The lingering close: waits until the peer closes too, while what still comes is read and discarded. Closing
 * at once would make the kernel answer unread or late input with a reset, which destroys what is on its way.
 * While something is, the peer has the time that any recipient has to take of it; once it has all, it is hung
 * up on when it is silent. Resolves when the socket is closed.
 *
 * The system is asked what has arrived only where something is at risk and nothing else tells: it knows by a
 * table of all connections, and thousands may end at once.
 */
export function lingeringClose(lingering: Lingering, patience: Patience): Promise<void> {
  return new Promise((resolve) => {
    const { socket } = lingering;
    if (socket.closed) {
      resolve();
      return;
    }
    const close = new LingeringClose(lingering, patience);
    socket
      .on('data', () => {
        close.hear();
      })
      .once('close', () => {
        close.stop();
        resolve();
      });
  });
}

class LingeringClose {
  readonly #lingering: Lingering;
  readonly #patience: Patience;
  readonly #timer: NodeJS.Timeout;
  #heard = false;
  #isAsking = false;
  #isOver = false;
  #queued = Infinity;
  #onItsWay = Infinity;
  readonly #began = performance.now();
  #progress = this.#began;
  /** When the peer was found to have all that was for it, and whether it was seen to lack some before. */
  #cleared: number | undefined;
  #wasLacking = false;

  constructor(lingering: Lingering, patience: Patience) {
    this.#lingering = lingering;
    this.#patience = patience;
    this.#timer = setInterval(() => {
      if (!this.#isAsking) this.#look();
    }, patience.lingerTimeout);
  }

  hear(): void {
    this.#heard = true;
  }

  stop(): void {
    this.#isOver = true;
    clearInterval(this.#timer);
  }

  #look(): void {
    const { socket, isAtRisk, distance } = this.#lingering;
    const queued = untaken(socket);
    const isMoving = queued > 0 && queued < this.#queued;
    this.#queued = queued;
    if (isMoving || !isAtRisk() || (queued === 0 && hasArrived(socket, this.#began))) {
      this.#judge(queued);
      return;
    }
    this.#isAsking = true;
    void look([socket], distance, this.#began).then((reading) => {
      this.#isAsking = false;
      // What the kernel took meanwhile counts in both.
      if (!this.#isOver) this.#judge(queued + (reading.rowOf(socket)?.unacknowledged ?? 0));
    });
  }

  #judge(onItsWay: number): void {
    const { lingerTimeout, takingTimeout } = this.#patience;
    const { hangUp } = this.#lingering;
    const now = performance.now() + EARLY_MS;
    const isSilent = !this.#heard;
    this.#heard = false;
    if (onItsWay > 0) {
      if (onItsWay < this.#onItsWay) this.#progress = now;
      this.#onItsWay = onItsWay;
      this.#wasLacking = true;
      if (now - this.#progress >= takingTimeout) hangUp(onItsWay);
      return;
    }
    const isNews = this.#cleared === undefined && this.#wasLacking;
    this.#cleared ??= now;
    if ((isSilent && !isNews) || now - this.#cleared >= TALK * lingerTimeout) hangUp(0);
  }
}
