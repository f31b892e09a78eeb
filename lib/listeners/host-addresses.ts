import { type AddressInfo, type ListenOptions, type Server, isIP } from 'node:net';
import { ACCEPT_QUEUE } from './acceptor.ts';
import type { Endpoint } from '../protocol/endpoint.ts';
import { LOCALHOST } from '../protocol/endpoint-overlap.ts';

/** Ports that are tried to find one that is free at several addresses. */
const MAX_PORT_TRIES = 10;

/** Error codes of an address that the machine does not have, as without IPv6. */
const NO_ADDRESS: ReadonlySet<unknown> = new Set(['EADDRNOTAVAIL', 'EAFNOSUPPORT', 'EINVAL']);

/** Listens at all addresses of a host that the machine has, at one port. Resolves with these addresses. */
export async function listenAtAll(
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

function listenAtOne(server: Server, place: ListenOptions): Promise<AddressInfo> {
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
