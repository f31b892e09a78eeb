import type { Duplex } from 'node:stream';

/** Connections that are read from in one turn of the event loop, a chunk or two of each. */
const CONNECTIONS_PER_TURN = 64;

/** Connections that wait for their turn. */
const waiting: Duplex[] = [];

/**
 * Reads on from a connection and discards the input, with turns of the event loop between. Thousands of peers
 * may write as fast as they can, and the system may have megabytes of each.
 */
export function discard(socket: Duplex): void {
  const throwAway = () => {
    socket.pause();
    if (waiting.push(socket) === 1) setImmediate(nextTurn);
  };
  // The stream is paused first: adding a listener would make it flow at once.
  throwAway();
  socket.on('data', throwAway);
}

function nextTurn(): void {
  for (const socket of waiting.splice(0, CONNECTIONS_PER_TURN)) socket.resume();
  if (waiting.length > 0) setImmediate(nextTurn);
}
