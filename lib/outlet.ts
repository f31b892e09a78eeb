import { untaken } from './kernel.ts';
import type { Session } from './session.ts';
import { Watch } from './watch.ts';

/** Lines to write, whole, and how many of them are messages. */
export interface Write {
  readonly bytes: Buffer;
  readonly count: number;
}

const MESSAGE = Buffer.from('\nfrom ');

/**
 * The write side of one connection, and the only place that writes messages to it. It credits its session with what
 * the operating system has taken.
 */
export class Outlet {
  readonly #session: Session;
  readonly #timeout: number;
  readonly #tolerable: () => boolean;
  #failure: 'slow-consumer' | 'reset' | undefined;
  /** Writes that the socket has not reported back about. */
  #outstanding = 0;
  /** The one of them that the kernel did not take at once. */
  #inFlight: Write | undefined;
  #settle: ((taken: boolean) => void) | undefined;

  /**
   * @param timeout ms that a peer may take nothing while something waits for it
   * @param tolerable whether what waits is not too much
   */
  constructor(session: Session, timeout: number, tolerable: () => boolean) {
    this.#session = session;
    this.#timeout = timeout;
    this.#tolerable = tolerable;
    session.socket.once('close', () => {
      this.#fail('reset');
    });
  }

  /** Why nothing more can be delivered here. */
  get failure(): 'slow-consumer' | 'reset' | undefined {
    return this.#failure;
  }

  /** Messages that will have been delivered if a write that is still under way goes through. */
  get hoped(): number {
    return this.#session.delivered + (this.#inFlight?.count ?? 0);
  }

  /**
   * Writes; the answer is whether one can go on. It is `false` once the outlet has failed, and a promise only where one
   * has to wait.
   */
  write(write: Write): boolean | Promise<boolean> {
    const { socket } = this.#session;
    if (write.bytes.length === 0) return true;
    if (socket.destroyed) this.#fail('reset');
    if (this.#failure !== undefined) return false;
    this.#outstanding += 1;
    socket.write(write.bytes, this.#onWritten);
    if (socket.writableLength === 0) {
      // The kernel had room: the bytes are gone before the callback comes.
      this.#session.delivered += write.count;
      return true;
    }
    this.#inFlight = write;
    return new Promise((resolve) => {
      const watch = new Watch(socket, this.#timeout, this.#tolerable, () => {
        this.#fail('slow-consumer');
      });
      this.#settle = (taken) => {
        watch.stop();
        this.#settle = undefined;
        resolve(taken);
      };
    });
  }

  /** Closes the connection at once, and credits the part of a write under way that the kernel has taken. */
  destroy(): void {
    const { socket } = this.#session;
    if (this.#inFlight !== undefined && !socket.destroyed) {
      const { bytes } = this.#inFlight;
      const taken = bytes.length - (untaken(socket) ?? bytes.length);
      this.#session.delivered += messagesIn(bytes.subarray(0, Math.max(0, taken)));
      this.#inFlight = undefined;
    }
    socket.destroy();
  }

  #fail(failure: 'slow-consumer' | 'reset'): void {
    this.#failure ??= failure;
    this.#settle?.(false);
  }

  readonly #onWritten = (): void => {
    this.#outstanding -= 1;
    if (this.#outstanding > 0 || this.#inFlight === undefined || this.#session.socket.destroyed) return;
    this.#session.delivered += this.#inFlight.count;
    this.#inFlight = undefined;
    this.#settle?.(true);
  };
}

/** Whole messages at the beginning of `bytes`: no other line begins with `from `. */
function messagesIn(bytes: Buffer): number {
  const end = bytes.lastIndexOf('\n');
  if (end < 0) return 0;
  let count = bytes.subarray(0, 5).toString() === 'from ' ? 1 : 0;
  for (let at = bytes.indexOf(MESSAGE); at >= 0 && at < end; at = bytes.indexOf(MESSAGE, at + 1)) count += 1;
  return count;
}
