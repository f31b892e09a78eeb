import type { Duplex } from 'node:stream';

/**
 * Bytes handed to `socket` that the kernel has not taken yet. This is the count of libuv, which Node's idle
 * timer uses too; where there is none, it is Node's own. Over TLS the bytes are encrypted ones, and may be
 * too many: they count until all that was passed on with them is taken.
 */
export function untaken(socket: Duplex): number {
  return queued((socket as Handled)._handle) ?? socket.writableLength;
}

/**
 * A figure that changes when the kernel takes some of the bytes that wait. Over TLS the connection below has
 * a queue of its own, which is added.
 */
export function queueOf(socket: Duplex): number {
  return untaken(socket) + (queued((socket as Handled)._handle?._parent) ?? 0);
}

/** libuv's side of a socket. Node has no public name for it. */
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
