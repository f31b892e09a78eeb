import type { Duplex } from 'node:stream';

export interface LingerOptions {
  /** ms that the last words may take to be written. */
  readonly writeTimeout: number;
  /** ms of silence after which a peer that does not hang up is hung up on. */
  readonly lingerTimeout: number;
  /** ms that all of it may take. */
  readonly drainTimeout: number;
}

/**
 * The lingering close: writes `lastWords`, half-closes, then reads on and discards until the peer closes too or is
 * quiet. Closing at once would make the kernel answer unread or late input with a reset, which destroys what is still
 * on its way to the peer. Resolves when the socket is closed.
 */
export function lingeringClose(socket: Duplex, lastWords: string, options: LingerOptions): Promise<void> {
  return new Promise((resolve) => {
    if (socket.closed) {
      resolve();
      return;
    }
    const hangUp = () => {
      socket.destroy();
    };
    const limit = setTimeout(hangUp, options.drainTimeout);
    let patience = setTimeout(hangUp, options.writeTimeout);
    socket
      .once('finish', () => {
        clearTimeout(patience);
        patience = setTimeout(hangUp, options.lingerTimeout);
        socket.on('data', () => patience.refresh());
      })
      .once('close', () => {
        clearTimeout(limit);
        clearTimeout(patience);
        resolve();
      });
    socket.resume();
    socket.end(lastWords);
  });
}
