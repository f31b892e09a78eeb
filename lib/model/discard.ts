import type { Duplex } from 'node:stream';

/** Connections of which something is thrown away in a turn of the event loop: a chunk or two of each. */
const PER_TURN = 64;

/** Those that wait for their turn. */
const waiting: Duplex[] = [];

/**
 * Reads on from a connection, and throws away what comes, with turns of the event loop between: thousands may
 * write as fast as they can, and the system has megabytes of each when nothing of it is wanted any more.
 */
export function discard(socket: Duplex): void {
  const throwAway = () => {
    socket.pause();
    if (waiting.push(socket) === 1) setImmediate(nextTurn);
  };
  // A listener alone would have it read at once.
  throwAway();
  socket.on('data', throwAway);
}

function nextTurn(): void {
  for (const socket of waiting.splice(0, PER_TURN)) socket.resume();
  if (waiting.length > 0) setImmediate(nextTurn);
}
