import type { Duplex } from 'node:stream';
import { unacknowledged } from './kernel.ts';

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
 * quiet: says nothing, and takes nothing either of what is still on its way. Closing at once would make the kernel answer
 * unread or late input with a reset, which destroys that. Resolves when the socket is closed.
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
    let onItsWay: number | undefined;
    const onQuiet = async () => {
      const left = await unacknowledged(socket);
      if (left === undefined || left === 0 || left === onItsWay) hangUp();
      else patience.refresh();
      onItsWay = left;
    };
    const limit = setTimeout(hangUp, options.drainTimeout);
    let patience = setTimeout(hangUp, options.writeTimeout);
    socket
      .once('finish', () => {
        clearTimeout(patience);
        patience = setTimeout(() => void onQuiet(), options.lingerTimeout);
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
