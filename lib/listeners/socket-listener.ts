import {
  type AddressInfo,
  type ListenOptions as NodeListenOptions,
  type Server,
  type ServerOpts,
  type Socket,
  createServer,
  isIP,
} from 'node:net';
import { Observable, defer, merge, retry, timer } from 'rxjs';
import { type Endpoint, isSecure } from '../protocol/endpoint.ts';
import { inherited } from './systemd-sockets.ts';
import { scarce } from '../os/descriptors.ts';
import { LOCALHOST } from '../protocol/endpoint-overlap.ts';
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

/** Connections that may wait in the kernel to be accepted. The kernel has a limit of its own. */
const ACCEPT_QUEUE = 4096;

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

/** Ports that are tried to find one that is free at several addresses. */
const MAX_PORT_TRIES = 10;

/** Error codes of an address that the machine does not have, as without IPv6. */
const NO_ADDRESS: ReadonlySet<unknown> = new Set(['EADDRNOTAVAIL', 'EAFNOSUPPORT', 'EINVAL']);

/** Free descriptors below which no connection is accepted, and ms between two looks at their number. */
const RESERVED_DESCRIPTORS = 8;
const LOOK_MS = 1000;

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
    return defer(() => {
      const descriptors = inherited(endpoint.name, process);
      return merge(...descriptors.map((fd) => inheritedConnections(endpoint, fd, options, observer)));
    });
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
      if (state === 'failing' && scarce(RESERVED_DESCRIPTORS)) throw lackOfDescriptors();
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
      const server = createServer(socketOptions(options.keepAlive), (socket) => {
        out.next(socket);
      });
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
    const look = setInterval(() => {
      // Without a descriptor libuv closes new connections and tells nobody.
      if (scarce(RESERVED_DESCRIPTORS)) out.error(lackOfDescriptors());
    }, LOOK_MS);
    return () => {
      clearInterval(look);
      end();
    };
  });
}

/** Listens at all addresses of a host that the machine has, at one port. Resolves with these addresses. */
async function listenAtAll(
  { host, port }: Extract<Endpoint, { host: string }>,
  ipv6Only: boolean,
  make: () => Server,
): Promise<readonly AddressInfo[]> {
  const hosts = await addressesOf(host);
  for (let left = MAX_PORT_TRIES; ; left -= 1) {
    const servers: Server[] = [];
    const places: AddressInfo[] = [];
    let absent: unknown;
    try {
      for (const address of hosts) {
        const server = make();
        servers.push(server);
        try {
          const place = { host: address, port: places[0]?.port ?? port, ipv6Only, backlog: ACCEPT_QUEUE };
          places.push(await listenAtOne(server, place));
        } catch (failure) {
          if (hosts.length === 1 || !NO_ADDRESS.has((failure as NodeJS.ErrnoException).code)) throw failure;
          absent = failure;
        }
      }
      if (places.length === 0) throw absent;
      return places;
    } catch (failure) {
      const isTaken = (failure as NodeJS.ErrnoException).code === 'EADDRINUSE';
      if (port !== 0 || places.length === 0 || !isTaken || left === 0) throw failure;
      // The port was free at the first address only.
      for (const server of servers) server.close();
    }
  }
}

function listenAtOne(server: Server, place: NodeListenOptions): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once('error', reject).listen(place, () => {
      resolve(server.address() as AddressInfo);
    });
  });
}

async function addressesOf(host: string): Promise<readonly string[]> {
  if (isIP(host) !== 0) return [host];
  if (host === 'localhost') return LOCALHOST;
  // An address needs no lookup, and the program starts faster without the module.
  const { lookup } = await import('node:dns/promises');
  const found = await lookup(host, { all: true });
  return [...new Set(found.map(({ address }) => address))];
}

/**
 * The connections of a listening socket of systemd. Unsubscribing closes the copy of this process only, so
 * that new connections wait in the kernel for the next process. The socket could not be opened again, so it
 * stays open while descriptors are few, and goes on to emit connections. The caller refuses those that come
 * between `failing` and `listening`.
 */
function inheritedConnections(
  endpoint: Endpoint,
  fd: number,
  { keepAlive }: ListenOptions,
  observer: ListenObserver,
): Observable<Socket> {
  return new Observable((out) => {
    let failing = false;
    const fail = (failure: Error) => {
      if (!failing) observer.failing(failure);
      failing = true;
    };
    const server = createServer(socketOptions(keepAlive), (socket) => {
      out.next(socket);
    });
    server.on('error', (failure) => {
      if (server.listening) fail(failure);
      else out.error(failure);
    });
    server.on('listening', () => {
      observer.listening(found(endpoint, server));
    });
    server.listen({ fd, backlog: ACCEPT_QUEUE });
    const look = setInterval(() => {
      if (scarce(RESERVED_DESCRIPTORS)) {
        fail(lackOfDescriptors());
      } else if (failing) {
        failing = false;
        observer.listening(found(endpoint, server));
      }
    }, LOOK_MS);
    return () => {
      clearInterval(look);
      server.close();
    };
  });
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

/** The endpoint, with the address that the system shows for it. */
function found(endpoint: Endpoint, server: Server): Endpoint {
  const address = server.address();
  if (endpoint.transport === 'unix' || address === null || typeof address === 'string') return endpoint;
  return { transport: isSecure(endpoint) ? 'tls' : 'tcp', host: address.address, port: address.port };
}

function lackOfDescriptors(): Error {
  return new Error('EMFILE: too many open files');
}
