import type { Server, Socket } from 'node:net';
import { Observable, defer, merge } from 'rxjs';
import {
  ACCEPT_QUEUE,
  type ListenObserver,
  acceptor,
  lackOfDescriptors,
  watchDescriptors,
} from './acceptor.ts';
import { type Endpoint, isSecure } from '../protocol/endpoint.ts';
import { OptionError } from '../settings/error.ts';

/** The first descriptor that systemd hands over. */
const FIRST_DESCRIPTOR = 3;

/** Name that systemd gives to sockets without one. */
const DEFAULT_NAME = 'unknown';

/**
 * The connections of the listening sockets that systemd handed to this process under the name of `endpoint`.
 * Fails with an `OptionError` where there is none.
 *
 * @param keepAlive ms of silence after which the system asks whether a peer is still there
 */
export function inheritedConnections(
  endpoint: Extract<Endpoint, { name: string }>,
  keepAlive: number,
  observer: ListenObserver,
): Observable<Socket> {
  return defer(() => {
    const descriptors = inherited(endpoint.name, process);
    return merge(...descriptors.map((fd) => connectionsOf(endpoint, fd, keepAlive, observer)));
  });
}

/**
 * Descriptors of the listening sockets that systemd handed to this process under `name`, as sd_listen_fds(3)
 * finds them. Throws an `OptionError` where there is none.
 */
export function inherited(
  name: string,
  { env, pid }: Pick<NodeJS.Process, 'env' | 'pid'>,
): readonly number[] {
  const count = env.LISTEN_PID === String(pid) ? Number(env.LISTEN_FDS) : 0;
  const given = env.LISTEN_FDNAMES?.split(':') ?? [];
  const names = Array.from({ length: count }, (_, index) => given[index] ?? DEFAULT_NAME);
  const found = names.flatMap((each, index) => (each === name ? [FIRST_DESCRIPTOR + index] : []));
  if (found.length > 0) return found;
  const instead = count === 0 ? 'no socket' : names.join(', ');
  throw new OptionError(`systemd:${name} is not there: systemd handed over ${instead}`);
}

/**
 * The connections of a listening socket of systemd. Unsubscribing closes the copy of this process only, so
 * that new connections wait in the kernel for the next process. The socket could not be opened again, so it
 * stays open while descriptors are few, and goes on to emit connections. The caller refuses those that come
 * between `failing` and `listening`.
 */
function connectionsOf(
  endpoint: Endpoint,
  fd: number,
  keepAlive: number,
  observer: ListenObserver,
): Observable<Socket> {
  return new Observable((out) => {
    let failing = false;
    const fail = (failure: Error) => {
      if (!failing) observer.failing(failure);
      failing = true;
    };
    const server = acceptor(keepAlive, out);
    server.on('error', (failure) => {
      if (server.listening) fail(failure);
      else out.error(failure);
    });
    server.on('listening', () => {
      observer.listening(found(endpoint, server));
    });
    server.listen({ fd, backlog: ACCEPT_QUEUE });
    const unwatch = watchDescriptors((areFew) => {
      if (areFew) {
        fail(lackOfDescriptors());
      } else if (failing) {
        failing = false;
        observer.listening(found(endpoint, server));
      }
    });
    return () => {
      unwatch();
      server.close();
    };
  });
}

/** The endpoint, with the address that the system shows for it. */
function found(endpoint: Endpoint, server: Server): Endpoint {
  const address = server.address();
  if (endpoint.transport === 'unix' || address === null || typeof address === 'string') return endpoint;
  return { transport: isSecure(endpoint) ? 'tls' : 'tcp', host: address.address, port: address.port };
}
