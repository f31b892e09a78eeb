import type { Duplex } from 'node:stream';
import { unacknowledged } from './kernel.ts';

/** How often one looks in each time-out. */
const LOOKS = 4;

/** Watches a connection that something waits for, and calls `onStuck` when its peer has taken nothing for the time-out. */
export class Watch {
  readonly #timer: NodeJS.Timeout;
  #stopped = false;

  /** @param timeout ms */
  constructor(socket: Duplex, timeout: number, onStuck: () => void) {
    let progress = performance.now();
    let last: number | undefined;
    const look = async () => {
      const left = await unacknowledged(socket);
      const now = performance.now();
      // The first look only tells where the peer is; where the system does not tell, none ever shows progress.
      if (last !== undefined && left !== last) progress = now;
      last = left;
      if (!this.#stopped && now - progress >= timeout) onStuck();
    };
    this.#timer = setInterval(() => void look(), timeout / LOOKS);
  }

  stop(): void {
    this.#stopped = true;
    clearInterval(this.#timer);
  }
}
