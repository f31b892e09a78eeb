import { Unacknowledged } from './unacknowledged.ts';
import type { Write } from './write-batches.ts';
import type { Session } from '../model/session.ts';
import { unacknowledgedNow } from '../os/tcp-table.ts';
import { StallWatch } from './stall-watch.ts';
import { untaken } from '../os/write-queue.ts';

/** Why nothing more is written to a connection. */
export type Failure = 'slow-consumer' | 'reset' | 'internal-error';

/**
 * The write side of one connection; nothing else writes messages to it. It counts the messages that the
 * operating system has taken as delivered. It uncounts those that did not arrive when the connection is cut
 * off or breaks.
 */
export class SocketWriter {
  readonly #session: Session;
  readonly #timeout: number;
  readonly #isTolerable: () => boolean;
  readonly #unacknowledged = new Unacknowledged();
  #failure: Failure | undefined;
  /** Writes whose callback has not come. */
  #outstanding = 0;
  /** Messages of the write that waits, because the kernel did not take it at once. */
  #inFlight = 0;
  /** Ends the wait for that write. */
  #settle: ((taken: boolean) => void) | undefined;
  /**
   * Whether `#unacknowledged` has only what had not arrived when the system was asked, in the present wait.
   */
  #isUnacknowledgedTrue = false;

  /**
   * @param timeout ms that a peer may take nothing while something waits for it
   * @param isTolerable whether no more waits than may
   */
  constructor(session: Session, timeout: number, isTolerable: () => boolean) {
    this.#session = session;
    this.#timeout = timeout;
    this.#isTolerable = isTolerable;
    // The event comes once anyway. `once` would cost each connection a wrapper.
    session.socket.on('close', () => {
      if (this.#isUnacknowledgedTrue && this.isStuck) this.#takeBack(Infinity);
      this.fail('reset');
    });
  }

  /** Why nothing more is written, once that is so. */
  get failure(): Failure | undefined {
    return this.#failure;
  }

  /** Whether a write waits, because the kernel has not taken all. */
  get isStuck(): boolean {
    return this.#settle !== undefined;
  }

  /** Whether messages were written that may not have arrived. */
  get isAtRisk(): boolean {
    return this.#unacknowledged.messages > 0;
  }

  /** Messages delivered, with those of the write that waits. */
  get hoped(): number {
    return this.#session.delivered + this.#inFlight;
  }

  /**
   * Writes. Returns whether the writer goes on: `false` once a failure has come. The result is a promise only
   * where the write has to wait.
   */
  write({ parts, size, count }: Write): boolean | Promise<boolean> {
    const { socket } = this.#session;
    if (socket.destroyed) this.fail('reset');
    if (this.#failure !== undefined) return false;
    this.#outstanding += 1;
    this.#unacknowledged.note(size, count);
    if (parts.length > 1) socket.cork();
    for (const [index, part] of parts.entries()) {
      socket.write(part, index === parts.length - 1 ? this.#onWritten : undefined);
    }
    if (parts.length > 1) socket.uncork();
    // A connection that was reset shows it here, long before the callback comes.
    if (socket.errored) {
      this.fail('reset');
      return false;
    }
    if (socket.writableLength === 0) {
      // The kernel has taken all. The callback comes later.
      this.#session.delivered += count;
      return true;
    }
    this.#inFlight = count;
    this.#isUnacknowledgedTrue = false;
    return new Promise((resolve) => {
      const onLook = (bytes: number) => {
        this.#unacknowledged.keep(bytes);
        this.#isUnacknowledgedTrue = true;
      };
      const onStuck = () => {
        this.fail('slow-consumer');
      };
      const isTolerable = this.#isTolerable;
      const watch = new StallWatch(this.#session, this.#timeout, { isTolerable, onLook, onStuck });
      this.#settle = (taken) => {
        watch.stop();
        this.#settle = undefined;
        resolve(taken);
      };
    });
  }

  /** Writes the last lines and closes the write side. */
  end(lastLines: string): void {
    // A FIN is acknowledged like a byte.
    this.#unacknowledged.note(Buffer.byteLength(lastLines) + 1, 0, true);
    this.#session.socket.end(lastLines);
  }

  /** Ends the writing, and a wait. The first failure stays. */
  fail(failure: Failure): void {
    this.#failure ??= failure;
    this.#settle?.(false);
  }

  /**
   * Closes the connection at once. Messages that the peer has not acknowledged may be lost, so they are
   * uncounted. Returns their number.
   *
   * @param onItsWay bytes that are not acknowledged; by default the system is asked
   */
  cut(onItsWay = this.#onItsWay()): number {
    const { socket } = this.#session;
    if (socket.destroyed) return 0;
    const lost = this.#takeBack(onItsWay);
    socket.destroy();
    return lost;
  }

  #onItsWay(): number {
    const { socket } = this.#session;
    // The system is asked only where messages are at risk: it reads a table of all connections.
    return this.isAtRisk && !socket.destroyed ? untaken(socket) + (unacknowledgedNow(socket) ?? 0) : 0;
  }

  /** Uncounts the messages among the last `bytes` bytes. Returns their number. */
  #takeBack(bytes: number): number {
    const lost = Math.min(this.#unacknowledged.lastMessages(bytes), this.hoped);
    this.#session.delivered = this.hoped - lost;
    this.#inFlight = 0;
    this.#isUnacknowledgedTrue = false;
    return lost;
  }

  readonly #onWritten = (failure?: Error | null): void => {
    this.#outstanding -= 1;
    if (failure) {
      this.fail('reset');
      return;
    }
    if (this.#outstanding > 0 || this.#session.socket.destroyed) return;
    this.#session.delivered += this.#inFlight;
    this.#inFlight = 0;
    this.#settle?.(true);
  };
}
