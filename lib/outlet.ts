import type { Backlog } from './backlog.ts';
import { unacknowledgedNow, untaken } from './kernel.ts';
import { Ledger } from './ledger.ts';
import type { Write } from './packing.ts';
import type { Session } from './session.ts';
import { Watch } from './watch.ts';

/**
 * The write side of one connection, and the only place that writes messages to it. It credits its session with what
 * the operating system has taken, and takes back what that could not deliver when the connection is cut off.
 */
export class Outlet {
  readonly #session: Session;
  readonly #timeout: number;
  readonly #backlog: Backlog;
  readonly #tolerable: number;
  readonly #ledger = new Ledger();
  #failure: 'slow-consumer' | 'reset' | undefined;
  /** Writes that the socket has not reported back about. */
  #outstanding = 0;
  /** Messages in the one of them that the kernel did not take at once. */
  #inFlight = 0;
  #settle: ((taken: boolean) => void) | undefined;

  /**
   * @param timeout ms that a peer may take nothing while something waits for it
   * @param backlog what waits
   * @param tolerable bytes of it that are not too much
   */
  constructor(session: Session, timeout: number, backlog: Backlog, tolerable: number) {
    this.#session = session;
    this.#timeout = timeout;
    this.#backlog = backlog;
    this.#tolerable = tolerable;
    // It comes once, and `once` would cost each connection a wrapper for that.
    session.socket.on('close', () => {
      this.fail('reset');
    });
  }

  /** Why nothing more can be delivered here. */
  get failure(): 'slow-consumer' | 'reset' | undefined {
    return this.#failure;
  }

  /** Whether the kernel has not taken all that was written. */
  get isStuck(): boolean {
    return this.#settle !== undefined;
  }

  /** Messages that will have been delivered if a write that is still under way goes through. */
  get hoped(): number {
    return this.#session.delivered + this.#inFlight;
  }

  /**
   * Writes; the answer is whether one can go on. It is `false` once the outlet has failed, and a promise only where one
   * has to wait.
   */
  write({ parts, size, count }: Write): boolean | Promise<boolean> {
    const { socket } = this.#session;
    if (socket.destroyed) this.fail('reset');
    if (this.#failure !== undefined) return false;
    this.#outstanding += 1;
    this.#ledger.note(size, count);
    if (parts.length > 1) socket.cork();
    for (const [index, part] of parts.entries()) {
      socket.write(part, index === parts.length - 1 ? this.#onWritten : undefined);
    }
    if (parts.length > 1) socket.uncork();
    if (socket.writableLength === 0) {
      // The kernel had room: the bytes are gone before the callback comes.
      this.#session.delivered += count;
      return true;
    }
    this.#inFlight = count;
    return new Promise((resolve) => {
      const tolerable = () => this.#backlog.bytes <= this.#tolerable;
      const watch = new Watch(this.#session, this.#timeout, tolerable, () => {
        this.fail('slow-consumer');
      });
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
    this.#ledger.note(Buffer.byteLength(lastWords) + 1, 0, true);
    this.#session.socket.end(lastWords);
  }

  /** Writes nothing more. */
  fail(failure: 'slow-consumer' | 'reset'): void {
    this.#failure ??= failure;
    this.#settle?.(false);
  }

  /**
   * Closes the connection at once. What its peer has not acknowledged by then may be lost, so it does not count as
   * delivered; the answer is how many messages that were.
   */
  cut(): number {
    const session = this.#session;
    const { socket } = session;
    if (socket.destroyed) return 0;
    const pending = (untaken(socket) ?? socket.writableLength) + (unacknowledgedNow(socket) ?? 0);
    const lost = Math.min(this.#ledger.lastMessages(pending), this.hoped);
    session.delivered = this.hoped - lost;
    this.#inFlight = 0;
    socket.destroy();
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
