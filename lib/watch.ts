import type { Duplex } from 'node:stream';
import { progressOf } from './kernel.ts';

/** How often one looks in each time-out. */
const LOOKS = 4;

/**
 * Watches a connection that something waits for, and calls `onStuck` when its peer has taken nothing for the time-out, or
 * from one look to the next while more waits than is tolerable. A burst alone is no reason: many may write to a peer
 * that reads all the time.
 */
export class Watch {
  readonly #timer: NodeJS.Timeout;

  /** @param timeout ms */
  constructor(socket: Duplex, timeout: number, tolerable: () => boolean, onStuck: () => void) {
    let progress = performance.now();
    let last: number | undefined;
    this.#timer = setInterval(() => {
      const left = progressOf(socket);
      const now = performance.now();
      // The first look only tells where the peer is.
      if (last !== undefined && left !== last) progress = now;
      last = left;
      if (now - progress >= (tolerable() ? timeout : timeout / LOOKS)) onStuck();
    }, timeout / LOOKS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
