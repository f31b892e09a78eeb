import type { Server, Socket } from 'node:net';
import { Observable, defer, retry, timer } from 'rxjs';
import {
  ACCEPT_QUEUE,
  type ListenObserver,
  acceptor,
  areDescriptorsFew,
  lackOfDescriptors,
  watchDescriptors,
} from './acceptor.ts';
import type { Endpoint } from '../protocol/endpoint.ts';
import { listenAtAll } from './host-addresses.ts';
import { inheritedConnections } from './systemd-sockets.ts';
import { listenAt } from './unix-socket.ts';

export interface ListenOptions {
  /**
   * ms of silence after which the kernel asks whether a peer is still there. It gives up ten seconds later.
   */
  readonly keepAlive: number;
  /** Permissions of a Unix socket. */
  readonly socketMode: number;
  /** Whether `[::]` leaves IPv4 to another endpoint. */
  readonly ipv6Only: boolean;
}

/** ms before the first new try to listen. Each try doubles it, up to the second figure. */
const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 5000;

/**
 * The connections of one endpoint. Subscribing listens. Unsubscribing closes the listener, removes its Unix
 * socket, and leaves the connections alone. Fails with Node's error where the endpoint cannot be listened on.
 * A listener that fails later, or that has too few descriptors, is closed and opened again, at growing
 * distances. Connections that are open go on.
 */
export function listen(
  endpoint: Endpoint,
  options: ListenOptions,
  observer: ListenObserver,
): Observable<Socket> {
  if (endpoint.transport === 'systemd' || endpoint.transport === 'systemd+tls') {
    return inheritedConnections(endpoint, options.keepAlive, observer);
  }
  return defer(() => {
    let place: Endpoint = endpoint;
    let state: 'new' | 'listening' | 'failing' = 'new';
    const listening: ListenObserver['listening'] = (found, addresses) => {
      state = 'listening';
      place = found;
      observer.listening(found, addresses);
    };
    const attempt = () => {
      if (state === 'failing' && areDescriptorsFew()) throw lackOfDescriptors();
      return connections(place, options, listening);
    };
    const delay = (failure: Error, count: number) => {
      if (state === 'new') throw failure;
      if (state === 'listening') observer.failing(failure);
      state = 'failing';
      return timer(Math.min(FIRST_RETRY_MS * 2 ** (count - 1), LAST_RETRY_MS));
    };
    return defer(attempt).pipe(retry({ resetOnSuccess: true, delay }));
  });
}

/** The connections of one endpoint, without new tries. */
function connections(
  endpoint: Endpoint,
  options: ListenOptions,
  listening: ListenObserver['listening'],
): Observable<Socket> {
  return new Observable((out) => {
    const servers: Server[] = [];
    let release = () => {};
    const make = () => {
      // The subscription may end while the addresses are looked up.
      if (out.closed) throw new Error('unsubscribed');
      const server = acceptor(options.keepAlive, out);
      server.on('error', (failure) => {
        if (server.listening) out.error(failure);
      });
      servers.push(server);
      return server;
    };
    const begin = async () => {
      if (endpoint.transport === 'unix') {
        const server = make();
        const { path } = endpoint;
        release = await listenAt(server, path, options.socketMode, (place) => {
          server.listen({ path: place, backlog: ACCEPT_QUEUE });
        });
        return [];
      }
      return 'host' in endpoint ? listenAtAll(endpoint, options.ipv6Only, make) : [];
    };
    const end = () => {
      release();
      for (const server of servers) server.close();
    };
    begin().then(
      (places) => {
        if (out.closed) {
          end();
          return;
        }
        const [first, ...others] = places;
        if (first === undefined) listening(endpoint);
        else if (others.length === 0)
          listening({ ...endpoint, host: first.address, port: first.port } as Endpoint);
        else
          listening(
            { ...endpoint, port: first.port } as Endpoint,
            places.map(({ address }) => address),
          );
      },
      (failure: unknown) => {
        out.error(failure);
      },
    );
    const unwatch = watchDescriptors((areFew) => {
      if (areFew) out.error(lackOfDescriptors());
    });
    return () => {
      unwatch();
      end();
    };
  });
}
