import { Unacknowledged } from './unacknowledged.ts';
import type { Write } from './write-batches.ts';
import type { Session } from '../model/session.ts';
import { unacknowledgedNow } from '../os/tcp-table.ts';
import { StallWatch } from './stall-watch.ts';
import { untaken } from '../os/write-queue.ts';

/** Why a connection is written to no more. */
export type Failure = 'slow-consumer' | 'reset' | 'internal-error';

/**
 * The write side of one connection, and the only place that writes messages to it. It credits its session
 * with what the operating system has taken, and takes back what that could not deliver when the connection is
 * cut off or breaks.
 */
export class SocketWriter {
  readonly #session: Session;
  readonly #timeout: number;
  readonly #isTolerable: () => boolean;
  readonly #unacknowledged = new Unacknowledged();
  #failure: Failure | undefined;
  /** Writes that the socket has not reported back about. */
  #outstanding = 0;
  /** Messages in the one of them that the kernel did not take at once. */
  #inFlight = 0;
  #settle: ((taken: boolean) => void) | undefined;
  /**
   * Whether the ledger has nothing but what had not arrived when the system was asked, in the present wait.
   */
  #isUnacknowledgedTrue = false;

  /**
   * @param timeout ms that a peer may take nothing while something waits for it
   * @param isTolerable whether what waits is not too much
   */
  constructor(session: Session, timeout: number, isTolerable: () => boolean) {
    this.#session = session;
    this.#timeout = timeout;
    this.#isTolerable = isTolerable;
    // It comes once, and `once` would cost each connection a wrapper for that.
    session.socket.on('close', () => {
      if (this.#isUnacknowledgedTrue && this.isStuck) this.#takeBack(Infinity);
      this.fail('reset');
    });
  }

  /** Why nothing more can be delivered here. */
  get failure(): Failure | undefined {
    return this.#failure;
  }

  /** Whether the kernel has not taken all that was written. */
  get isStuck(): boolean {
    return this.#settle !== undefined;
  }

  /** Whether messages were written of which nobody knows yet that they have arrived. */
  get isAtRisk(): boolean {
    return this.#unacknowledged.messages > 0;
  }

  /** Messages that will have been delivered if a write that is still under way goes through. */
  get hoped(): number {
    return this.#session.delivered + this.#inFlight;
  }

  /**
   * Writes; the answer is whether one can go on. It is `false` once the outlet has failed, and a promise only
   * where one has to wait.
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
    // A connection that was reset just before says so here, long before its callback comes.
    if (socket.errored) {
      this.fail('reset');
      return false;
    }
    if (socket.writableLength === 0) {
      // The kernel had room: the bytes are gone before the callback comes.
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

  /** Writes the last words and half-closes. */
  end(lastWords: string): void {
    // A FIN is acknowledged like a byte.
    this.#unacknowledged.note(Buffer.byteLength(lastWords) + 1, 0, true);
    this.#session.socket.end(lastWords);
  }

  /** Writes nothing more. */
  fail(failure: Failure): void {
    this.#failure ??= failure;
    this.#settle?.(false);
  }

  /**
   * Closes the connection at once. What its peer has not acknowledged by then may be lost, so it does not
   * count as delivered; the answer is how many messages that were.
   *
   * @param onItsWay bytes of which that is so; if not given, the system is asked
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
    // The table of all connections is read for those alone whose messages may be among what is on its way.
    return this.isAtRisk && !socket.destroyed ? untaken(socket) + (unacknowledgedNow(socket) ?? 0) : 0;
  }

  /** Counts the messages among the last `bytes` bytes as not delivered. */
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
