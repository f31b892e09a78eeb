import { progressOf } from './kernel.ts';
import type { Session } from './session.ts';

/** How often one looks in each time-out. */
const LOOKS = 4;

/**
 * Watches a connection that something waits for, and calls `onStuck` when its peer has taken nothing for the time-out, or
 * from one look to the next while more waits than is tolerable. A burst alone is no reason: many may write to a peer
 * that reads all the time. While the peer is kept waiting itself, its time stands still.
 */
export class Watch {
  readonly #session: Session;
  readonly #timer: NodeJS.Timeout;

  /** @param timeout ms */
  constructor(session: Session, timeout: number, tolerable: () => boolean, onStuck: () => void) {
    this.#session = session;
    let looked = performance.now();
    let held = session.heldFor;
    /** ms in which the peer took nothing and was not kept waiting. */
    let idle = 0;
    let last: number | undefined;
    session.stuckSince = looked;
    this.#timer = setInterval(() => {
      const left = progressOf(session.socket);
      const now = performance.now();
      // The first look only tells where the peer is.
      if (last !== undefined && left !== last) {
        session.stuckSince = now;
        idle = 0;
      } else {
        idle += now - looked - (session.heldFor - held);
      }
      last = left;
      looked = now;
      held = session.heldFor;
      const patience = tolerable() ? timeout : timeout / LOOKS;
      if (session.held ? !session.isExcused(timeout) : idle >= patience) onStuck();
    }, timeout / LOOKS);
  }

  stop(): void {
    this.#session.stuckSince = undefined;
    clearInterval(this.#timer);
  }
}
