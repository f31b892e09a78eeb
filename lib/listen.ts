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

/** Who hears of what is no connection. */
export interface ListenObserver {
  readonly listening: (address: AddressInfo) => void;
  /** A connection was closed without a word: there are too many even to refuse them. */
  readonly dropped: (remote: string) => void;
  /** The system cannot hand over connections; told once, until it can again. */
  readonly failing: (failure: Error) => void;
}

/**
 * A listening socket as its connections. Subscribing listens; unsubscribing closes the listener and leaves the
 * connections alone. Emits Node's error where the address cannot be listened on.
 */
export function listen(
  { host, port, maxConnections }: ListenOptions,
  observer: ListenObserver,
): Observable<Socket> {
  return new Observable((out) => {
    let failing = false;
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
      failing = false;
      out.next(socket);
    });
    server.maxConnections = maxConnections + REFUSALS;
    server.on('drop', (from) => {
      observer.dropped(remoteOf(from?.remoteAddress, from?.remotePort));
    });
    server.on('error', (failure) => {
      if (!server.listening) out.error(failure);
      else if (!failing) observer.failing(failure);
      failing = server.listening;
    });
    server.listen({ host, port, backlog: BACKLOG }, () => {
      const address = server.address();
      if (address !== null && typeof address === 'object') observer.listening(address);
    });
    return () => {
      server.close();
    };
  });
}
