import type { Duplex } from 'node:stream';
import { unacknowledged, untaken } from './kernel.ts';

export interface LingerOptions {
  /** ms of silence after which a peer that does not hang up is hung up on. */
  readonly lingerTimeout: number;
  /** ms that a peer may take nothing while something is on its way to it. */
  readonly writeTimeout: number;
}

/** Linger timeouts granted to a peer that has all that was for it and talks on. */
const TALK = 4;

/**
 * The lingering close of a connection that was half-closed: reads on and discards until the peer closes too, or is
 * quiet, which is to say nothing and to take nothing of what is on its way. Closing at once would make the kernel answer
 * unread or late input with a reset, which destroys that. Resolves when the socket is closed; `hangUp` is to close it.
 */
export function lingeringClose(socket: Duplex, options: LingerOptions, hangUp: () => void): Promise<void> {
  return new Promise((resolve) => {
    if (socket.closed) {
      resolve();
      return;
    }
    const { lingerTimeout, writeTimeout } = options;
    let heard = false;
    let onItsWay = Infinity;
    let progress = performance.now();
    const look = setInterval(() => {
      const unanswered = unacknowledged(socket);
      const left = (unanswered ?? 0) + (untaken(socket) ?? socket.writableLength);
      const now = performance.now();
      if (left < onItsWay) progress = now;
      const patience = left > 0 ? writeTimeout : TALK * lingerTimeout;
      // Where the system does not tell what its peer takes, one cannot know so soon that it takes nothing.
      const quiet = !heard && (left === 0 || (unanswered !== undefined && left >= onItsWay));
      if (quiet || now - progress >= patience) hangUp();
      onItsWay = left;
      heard = false;
    }, lingerTimeout);
    socket
      .on('data', () => {
        heard = true;
      })
      .once('close', () => {
        clearInterval(look);
        resolve();
      })
      .resume();
  });
}
