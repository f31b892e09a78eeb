import type { Duplex } from 'node:stream';

/** The write side of one connection; the only place that writes messages to it. */
export class Outlet {
  readonly #socket: Duplex;
  readonly #timeout: number;
  /** Writes that the socket has not reported back about. */
  #outstanding = 0;
  #settle: ((taken: boolean) => void) | undefined;
  #failure: 'slow-consumer' | 'reset' | undefined;

  /** @param timeout ms that a write may take */
  constructor(socket: Duplex, timeout: number) {
    this.#socket = socket;
    this.#timeout = timeout;
    socket.once('close', () => {
      this.#fail('reset');
    });
  }

  /** Why nothing more can be delivered here. */
  get failure(): 'slow-consumer' | 'reset' | undefined {
    return this.#failure;
  }

  /**
   * Writes; the answer is whether the operating system took all of `bytes`. It is `false` once the outlet has failed,
   * and a promise only where one has to wait.
   */
  write(bytes: Buffer): boolean | Promise<boolean> {
    const socket = this.#socket;
    if (bytes.length === 0) return true;
    if (socket.destroyed) this.#fail('reset');
    if (this.#failure !== undefined) return false;
    this.#outstanding += 1;
    socket.write(bytes, this.#onWritten);
    // The kernel had room: the bytes are gone before the callback comes.
    if (socket.writableLength === 0) return true;
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.giveUp();
      }, this.#timeout);
      this.#settle = (taken) => {
        clearTimeout(timer);
        this.#settle = undefined;
        resolve(taken);
      };
    });
  }

  /** Writes nothing more: the peer does not read. */
  giveUp(): void {
    this.#fail('slow-consumer');
  }

  #fail(failure: 'slow-consumer' | 'reset'): void {
    this.#failure ??= failure;
    this.#settle?.(false);
  }

  readonly #onWritten = (): void => {
    this.#outstanding -= 1;
    if (this.#outstanding === 0) this.#settle?.(!this.#socket.destroyed);
  };
}
