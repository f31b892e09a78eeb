import type { Duplex } from 'node:stream';

/**
 * Bytes handed to `socket` that the kernel has not taken yet; libuv's count, which Node's own idle timer goes
 * by too. Over TLS they are encrypted ones, and may be more than there are: they count until all that was
 * passed on with them is taken. Where there is no such count, it is Node's own.
 */
export function untaken(socket: Duplex): number {
  return queued((socket as Handled)._handle) ?? socket.writableLength;
}

/**
 * A figure that changes when the kernel takes something of what waits for it. Over TLS the connection below
 * is the one that knows how much of its part was taken.
 */
export function queueOf(socket: Duplex): number {
  return untaken(socket) + (queued((socket as Handled)._handle?._parent) ?? 0);
}

/** What Node has of a socket from libuv, which it keeps to itself. */
interface Handle {
  readonly writeQueueSize?: unknown;
  readonly _parent?: Handle;
}

interface Handled {
  readonly _handle?: Handle | null;
}

function queued(handle: Handle | null | undefined): number | undefined {
  return typeof handle?.writeQueueSize === 'number' ? handle.writeQueueSize : undefined;
}
