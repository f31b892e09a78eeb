import type { Duplex } from 'node:stream';
import { hasArrived, look } from '../os/tcp-table.ts';
import { untaken } from '../os/write-queue.ts';

/** A connection whose write side is closed. */
export interface Lingering {
  readonly socket: Duplex;
  /** Whether messages were written that the peer may not have received yet. */
  readonly isAtRisk: () => boolean;
  /** How soon the system is asked what has arrived, see `DISTANCE`. */
  readonly distance: number;
  /** Closes the connection, with that number of bytes on their way. */
  readonly hangUp: (onItsWay: number) => void;
}

/** Times that a peer has. */
export interface Patience {
  /** ms of silence after which a peer that has everything is hung up on. */
  readonly lingerTimeout: number;
  /** ms that a peer may take nothing while something is on its way to it. */
  readonly takingTimeout: number;
}

/** Linger time-outs after which a peer that has everything, and still sends, is hung up on. */
const TALKING_TIMEOUTS = 4;

/** ms by which a timer may be early by the monotonic clock. */
const EARLY_MS = 2;

/**
 * Waits until the peer closes its side too, while its input is read and discarded. Resolves when the socket
 * is closed. Closing at once would make the kernel answer unread or late input with a reset, which destroys
 * what is on its way. A peer that lacks something has the usual time to take some of it. A peer that has
 * everything is hung up on when it is silent.
 *
 * The system is asked what has arrived only where something is at risk and nothing else tells: it answers
 * from a table of all connections, and thousands may end at once.
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
  /** Whether the peer sent something since the last look. */
  #heard = false;
  #isAsking = false;
  #isOver = false;
  /** Bytes that the kernel had not taken at the last look. */
  #queued = Infinity;
  /** Bytes on their way at the last look. */
  #onItsWay = Infinity;
  readonly #began = performance.now();
  /** When the peer last took something, in ms. */
  #progress = this.#began;
  /** When the peer was first seen to have everything, in ms. */
  #cleared: number | undefined;
  /** Whether the peer was ever seen to lack something. */
  #wasLacking = false;

  constructor(lingering: Lingering, patience: Patience) {
    this.#lingering = lingering;
    this.#patience = patience;
    this.#timer = setInterval(() => {
      if (!this.#isAsking) this.#look();
    }, patience.lingerTimeout);
  }

  /** Hears that the peer sent something. */
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
      // Bytes that the kernel took meanwhile count twice, which only makes the figure too high.
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
    if ((isSilent && !isNews) || now - this.#cleared >= TALKING_TIMEOUTS * lingerTimeout) hangUp(0);
  }
}
