import { type AddressInfo, type Socket, createServer } from 'node:net';
import { Observable } from 'rxjs';
import { remoteOf } from './session.ts';

export interface ListenOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Connections at a time that are worth a word of refusal; beyond a few more they are closed without. */
  readonly maxConnections: number;
}

/** Refused connections that may be open at a time, until they were told why. */
export const REFUSALS = 64;

/** ms of silence after which the kernel asks whether the peer is still there; it gives up some ten seconds later. */
const KEEP_ALIVE = 60_000;

/** Connections that wait in the kernel until they are accepted; it cuts the figure to its own limit. */
const BACKLOG = 4096;

/**
 * A listening socket as its connections. Subscribing listens, and `onListening` hears where; unsubscribing closes the
 * listener and leaves the connections alone. Emits Node's error where the address cannot be listened on.
 */
export function listen(
  { host, port, maxConnections }: ListenOptions,
  onListening: (address: AddressInfo) => void,
  onDropped: (remote: string) => void,
): Observable<Socket> {
  return new Observable((out) => {
    // A peer that has said all it has to say may still be listening: half-open is a state, not an end.
    const options = {
      allowHalfOpen: true,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE,
    };
    const server = createServer(options, (socket) => {
      // A broken connection is told of by the 'close' that follows; unheard, the error would end the process.
      socket.on('error', () => {});
      out.next(socket);
    });
    server.maxConnections = maxConnections + REFUSALS;
    server.on('drop', (from) => {
      onDropped(remoteOf(from?.remoteAddress, from?.remotePort));
    });
    server.on('error', (failure) => {
      out.error(failure);
    });
    server.listen({ host, port, backlog: BACKLOG }, () => {
      const address = server.address();
      if (address !== null && typeof address === 'object') onListening(address);
    });
    return () => {
      server.close();
    };
  });
}
