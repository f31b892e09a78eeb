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
   * ms of silence after which the kernel asks whether a peer is still there; it gives up some ten seconds
   * later.
   */
  readonly keepAlive: number;
  /** Permissions of a Unix socket. */
  readonly socketMode: number;
  /** Whether all addresses are those of IPv6 alone. */
  readonly ipv6Only: boolean;
}

/** Connections that wait in the kernel until they are accepted; it cuts the figure to its own limit. */
const BACKLOG = 4096;

/** Who hears of what is no connection. */
export interface ListenObserver {
  /**
   * With the port that was found free, where one was to be found; and with the addresses, where it has
   * several.
   */
  readonly listening: (endpoint: Endpoint, addresses?: readonly string[]) => void;
  /** The system cannot hand over connections; told once, until `listening` is told again. */
  readonly failing: (failure: Error) => void;
}

/** Tries to find a port that is free at several addresses. */
const PORTS = 10;

/** The machine has no such address, as where it does without IPv6. */
const NO_ADDRESS: ReadonlySet<unknown> = new Set(['EADDRNOTAVAIL', 'EAFNOSUPPORT', 'EINVAL']);

/** Descriptors that are few enough to accept no more, and ms between two looks for that. */
const RESERVE = 8;
const LOOK = 1000;

/** ms before the first new try to listen, doubled with each, and before any. */
const FIRST_RETRY = 100;
const LAST_RETRY = 5000;

/**
 * A listening socket as its connections. Subscribing listens; unsubscribing closes the listener, which
 * removes a Unix socket, and leaves the connections alone. Emits Node's error where the endpoint cannot be
 * listened on. A listener that fails later, or that would for lack of descriptors, is closed and tried again,
 * at growing distances: whoever is here goes on.
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
      if (state === 'failing' && scarce(RESERVE)) throw lackOfDescriptors();
      return connections(place, options, listening);
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

/** The connections of one endpoint, which fails for good. */
function connections(
  endpoint: Endpoint,
  options: ListenOptions,
  listening: ListenObserver['listening'],
): Observable<Socket> {
  return new Observable((out) => {
    const servers: Server[] = [];
    let release = () => {};
    const make = () => {
      // Whoever unsubscribed while the addresses were looked up does not want to listen any more.
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
          server.listen({ path: place, backlog: BACKLOG });
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
      // Without a descriptor libuv would close new connections and tell nobody.
      if (scarce(RESERVE)) out.error(lackOfDescriptors());
    }, LOOK);
    return () => {
      clearInterval(look);
      end();
    };
  });
}

/** Resolves with where it listens: at all addresses of a host that the machine has, and at one port. */
async function listenAtAll(
  { host, port }: Extract<Endpoint, { host: string }>,
  ipv6Only: boolean,
  make: () => Server,
): Promise<readonly AddressInfo[]> {
  const hosts = await addressesOf(host);
  for (let left = PORTS; ; left -= 1) {
    const servers: Server[] = [];
    const places: AddressInfo[] = [];
    let absent: unknown;
    try {
      for (const address of hosts) {
        const server = make();
        servers.push(server);
        try {
          const place = { host: address, port: places[0]?.port ?? port, ipv6Only, backlog: BACKLOG };
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
      // The port was free at the first address alone.
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
  // Loaded for names only: a start is quicker without.
  const { lookup } = await import('node:dns/promises');
  const found = await lookup(host, { all: true });
  return [...new Set(found.map(({ address }) => address))];
}

/**
 * The connections of a listening socket of systemd's. Only our copy of it is closed in the end: those who
 * connect wait in the kernel for the next process. It could not be opened again, so it is kept whatever
 * happens, and goes on to emit connections where descriptors are few: they are to be refused from `failing`
 * to `listening`.
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
    server.listen({ fd, backlog: BACKLOG });
    const look = setInterval(() => {
      if (scarce(RESERVE)) {
        fail(lackOfDescriptors());
      } else if (failing) {
        failing = false;
        observer.listening(found(endpoint, server));
      }
    }, LOOK);
    return () => {
      clearInterval(look);
      server.close();
    };
  });
}

function socketOptions(keepAlive: number): ServerOpts {
  return {
    // A peer that has said all it has to say may still be listening: half-open is a state, not an end.
    allowHalfOpen: true,
    noDelay: true,
    keepAlive: keepAlive > 0,
    // In whole seconds; a fraction would be cut off.
    keepAliveInitialDelay: 1000 * Math.ceil(keepAlive / 1000),
  };
}

/** The endpoint with the address that the system made of it. */
function found(endpoint: Endpoint, server: Server): Endpoint {
  const address = server.address();
  if (endpoint.transport === 'unix' || address === null || typeof address === 'string') return endpoint;
  return { transport: isSecure(endpoint) ? 'tls' : 'tcp', host: address.address, port: address.port };
}

function lackOfDescriptors(): Error {
  return new Error('EMFILE: too many open files');
}
