import { type AddressInfo, type Socket, createServer } from 'node:net';
import { Observable, defer, retry, timer } from 'rxjs';
import { scarce } from './kernel.ts';
import { remoteOf } from './session.ts';

export interface ListenOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Connections at a time that are worth a word of refusal; beyond a few more they are closed without. */
  readonly maxConnections: number;
  /** ms of silence after which the kernel asks whether a peer is still there; it gives up some ten seconds later. */
  readonly keepAlive: number;
}

/** Refused connections that may be open at a time, until they were told why. */
export const REFUSALS = 64;

/** Connections that wait in the kernel until they are accepted; it cuts the figure to its own limit. */
const BACKLOG = 4096;

/** Who hears of what is no connection. */
export interface ListenObserver {
  readonly listening: (address: AddressInfo) => void;
  /** A connection was closed without a word: there are too many even to refuse them. */
  readonly dropped: (remote: string) => void;
  /** The system cannot hand over connections; told once, until `listening` is told again. */
  readonly failing: (failure: Error) => void;
}

/** Descriptors that are few enough to accept no more, and ms between two looks for that. */
const RESERVE = 8;
const LOOK = 1000;

/** ms before the first new try to listen, doubled with each, and before any. */
const FIRST_RETRY = 100;
const LAST_RETRY = 5000;

/**
 * A listening socket as its connections. Subscribing listens; unsubscribing closes the listener and leaves the
 * connections alone. Emits Node's error where the address cannot be listened on. A listener that fails later, or that
 * would for lack of descriptors, is closed and tried again, at growing distances: whoever is here goes on.
 */
export function listen(options: ListenOptions, observer: ListenObserver): Observable<Socket> {
  return defer(() => {
    let { port } = options;
    let state: 'new' | 'listening' | 'failing' = 'new';
    const listening = (address: AddressInfo) => {
      state = 'listening';
      port = address.port;
      observer.listening(address);
    };
    const attempt = () => {
      if (state === 'failing' && scarce(RESERVE)) throw lackOfDescriptors();
      return connections({ ...options, port }, { ...observer, listening });
    };
    const delay = (failure: Error, count: number) => {
      if (state === 'new') throw failure;
      if (state === 'listening') observer.failing(failure);
      state = 'failing';
      return timer(Math.min(FIRST_RETRY * 2 ** (count - 1), LAST_RETRY));
    };
    return defer(attempt).pipe(retry({ resetOnSuccess: true, delay }));
  });
}

/** The connections of one listening socket, which fails for good. */
function connections(
  { host, port, maxConnections, keepAlive }: ListenOptions,
  observer: Pick<ListenObserver, 'listening' | 'dropped'>,
): Observable<Socket> {
  return new Observable((out) => {
    // A peer that has said all it has to say may still be listening: half-open is a state, not an end.
    const options = {
      allowHalfOpen: true,
      noDelay: true,
      keepAlive: keepAlive > 0,
      // In whole seconds; a fraction would be cut off.
      keepAliveInitialDelay: 1000 * Math.ceil(keepAlive / 1000),
    };
    const server = createServer(options, (socket) => {
      out.next(socket);
    });
    server.maxConnections = maxConnections + REFUSALS;
    server.on('drop', (from) => {
      observer.dropped(remoteOf(from?.remoteAddress, from?.remotePort));
    });
    server.on('error', (failure) => {
      out.error(failure);
    });
    server.listen({ host, port, backlog: BACKLOG }, () => {
      const address = server.address();
      if (address !== null && typeof address === 'object') observer.listening(address);
    });
    const look = setInterval(() => {
      // Without a descriptor libuv would close new connections and tell nobody.
      if (scarce(RESERVE)) out.error(lackOfDescriptors());
    }, LOOK);
    return () => {
      clearInterval(look);
      server.close();
    };
  });
}

function lackOfDescriptors(): Error {
  return new Error('EMFILE: too many open files');
}
