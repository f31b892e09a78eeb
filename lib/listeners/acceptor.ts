import { type Server, type ServerOpts, type Socket, createServer } from 'node:net';
import type { Subscriber } from 'rxjs';
import type { Endpoint } from '../protocol/endpoint.ts';
import { scarce } from '../os/descriptors.ts';

/** Hears of the states of a listener. */
export interface ListenObserver {
  /**
   * Hears that the endpoint is listened on, with the port that was found where it was 0, and with the
   * addresses of a name that has several.
   */
  readonly listening: (endpoint: Endpoint, addresses?: readonly string[]) => void;
  /** Hears that no connection can be accepted; once, until `listening` is called again. */
  readonly failing: (failure: Error) => void;
}

/** Connections that may wait in the kernel to be accepted. The kernel has a limit of its own. */
export const ACCEPT_QUEUE = 4096;

/** Free descriptors below which no connection is accepted, and ms between two looks at their number. */
const RESERVED_DESCRIPTORS = 8;
const LOOK_MS = 1000;

/**
 * A server that does not listen yet, and emits on `out` what it accepts.
 *
 * @param keepAlive ms of silence after which the system asks whether a peer is still there
 */
export function acceptor(keepAlive: number, out: Subscriber<Socket>): Server {
  return createServer(socketOptions(keepAlive), (socket) => {
    out.next(socket);
  });
}

/** Whether no connection should be accepted: libuv closes one that gets no descriptor, and tells nobody. */
export function areDescriptorsFew(): boolean {
  return scarce(RESERVED_DESCRIPTORS);
}

/** Tells each second whether descriptors are few. Returns what ends that. */
export function watchDescriptors(tell: (areFew: boolean) => void): () => void {
  const look = setInterval(() => {
    tell(areDescriptorsFew());
  }, LOOK_MS);
  return () => {
    clearInterval(look);
  };
}

export function lackOfDescriptors(): Error {
  return new Error('EMFILE: too many open files');
}

function socketOptions(keepAlive: number): ServerOpts {
  return {
    // A peer that has closed its side may still read.
    allowHalfOpen: true,
    noDelay: true,
    keepAlive: keepAlive > 0,
    // The system takes whole seconds, and would cut off a fraction.
    keepAliveInitialDelay: 1000 * Math.ceil(keepAlive / 1000),
  };
}
