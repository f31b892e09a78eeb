import { Socket } from 'node:net';
import { type Observable, filter, map, merge } from 'rxjs';
import type { Credentials } from '../settings/tls-files.ts';
import { type Endpoint, isSecure, placeOf, showEndpoint } from '../protocol/endpoint.ts';
import type { ServerEvent } from '../model/server-events.ts';
import { type ListenObserver, type ListenOptions, listen } from './socket-listener.ts';
import { endpointsOf } from '../settings/endpoints.ts';
import { isIPv6Only } from '../protocol/endpoint-overlap.ts';
import { type Refuse, type SecureOptions, certificateOf, secure } from './tls.ts';
import { type Connection, type Origin, Session, remoteOf } from '../model/session.ts';
import { Stranger } from '../model/stranger.ts';

type Places = Parameters<typeof endpointsOf>[0];

export interface ListenersOptions
  extends Places, Omit<ListenOptions, 'ipv6Only'>, Omit<SecureOptions, 'requestCert'> {
  /** Connections at a time. */
  readonly maxConnections: number;
  /** File of the signers of client certificates, where clients have to show one. */
  readonly tlsCa: string | undefined;
}

/** Connections beyond the limit that may be open, until they have read why they are refused. */
export const REFUSALS = 64;

/**
 * The connections of all endpoints, as sessions. Fails with the error of an endpoint that cannot be listened
 * on. More than `REFUSALS` connections beyond the limit are closed without an error line, and so are those of
 * a listener that is failing.
 *
 * @param credentials$ what TLS endpoints show of themselves; it needs a first value at once
 * @param open returns the number of open connections
 */
export function listeners(
  options: ListenersOptions,
  credentials$: Observable<Credentials>,
  open: () => number,
  tell: (event: ServerEvent) => void,
): Observable<Session> {
  const { maxConnections, tlsCa } = options;
  const endpoints = endpointsOf(options);
  const arrivals = (endpoint: Endpoint) => {
    const through = showEndpoint(endpoint);
    let failing = false;
    const observer: ListenObserver = {
      listening: (found, addresses) => {
        failing = false;
        const place = { endpoint: showEndpoint(found), ...placeOf(found), addresses };
        tell({ type: 'listening', ...place, maxConnections });
      },
      failing: ({ message }) => {
        failing = true;
        tell({ type: 'failing', message });
      },
    };
    const refuse: Refuse = (code, { remoteAddress: address, remotePort: port }, detail) => {
      tell({ type: 'refused', code, name: undefined, remote: remoteOf({ through, address, port }), detail });
    };
    const hasRoom = (socket: Socket) => {
      if (!failing && open() < maxConnections + REFUSALS) return true;
      refuse('server-full', socket);
      socket.destroy();
      return false;
    };
    const ipv6Only = isIPv6Only(endpoint, endpoints);
    const sockets$ = listen(endpoint, { ...options, ipv6Only }, observer).pipe(filter(hasRoom));
    if (!isSecure(endpoint)) return sockets$.pipe(map((socket) => sessionOf(socket, { through })));
    const requestCert = tlsCa !== undefined;
    return sockets$.pipe(
      secure(credentials$, { ...options, requestCert }, refuse),
      map((socket) =>
        sessionOf(socket, { through, certificate: requestCert ? certificateOf(socket) : undefined }),
      ),
    );
  };
  return merge(...endpoints.map(arrivals));
}

/** Makes the session of a connection. Throws a `TypeError` where the connection is no stream. */
export function sessionOf(connection: Connection, { through, certificate }: Origin): Session {
  const stream = connection instanceof Socket ? connection : new Stranger(connection);
  // The 'close' that follows tells of a broken connection. An error without a listener would end the process.
  stream.on('error', ignore);
  const { remoteAddress: address, remotePort: port } = connection;
  return new Session(stream, { through, address, port, certificate });
}

/** One listener for all connections, of which there may be ten thousand. */
function ignore(): void {}
