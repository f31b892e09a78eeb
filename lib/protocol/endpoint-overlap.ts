import { hostOf } from './address.ts';
import { type Endpoint, showEndpoint } from './endpoint.ts';

/** The addresses of `localhost`, whatever the files of the machine say. */
export const LOCALHOST = ['127.0.0.1', '::1'];

const ANY_IPV4 = '0.0.0.0';
const ANY = '::';

type Network = Extract<Endpoint, { port: number }>;

/** The problem where two endpoints would listen at the same place; `undefined` where there is none. */
export function overlapOf(endpoints: readonly Endpoint[]): string | undefined {
  for (const [index, one] of endpoints.entries()) {
    for (const other of endpoints.slice(0, index)) {
      if (!overlap(one, other, endpoints)) continue;
      const [wide, narrow] = breadth(one) > breadth(other) ? [one, other] : [other, one];
      const [all, part] = [showEndpoint(wide), showEndpoint(narrow)];
      return all === part
        ? `has ${all} twice`
        : `has ${all}, which is the same place as ${part}, or has it in it: leave one of them out`;
    }
  }
  return undefined;
}

/** Whether an endpoint at `[::]` leaves IPv4 to another one at `0.0.0.0`. Alone it listens at both. */
export function isIPv6Only(endpoint: Endpoint, endpoints: readonly Endpoint[]): boolean {
  if (!isNetwork(endpoint) || canonical(endpoint.host) !== ANY || endpoint.port === 0) return false;
  return endpoints.some(
    (other) => isNetwork(other) && other.port === endpoint.port && other.host === ANY_IPV4,
  );
}

function overlap(one: Endpoint, other: Endpoint, endpoints: readonly Endpoint[]): boolean {
  if (!isNetwork(one) || !isNetwork(other)) return showPlace(one) === showPlace(other);
  if (one.port !== other.port || one.port === 0) return false;
  const [some, others] = [one, other].map((each) => addressesOf(each, isIPv6Only(each, endpoints)));
  return some?.some((address) => others?.some((another) => covers(address, another))) === true;
}

/** The addresses of an endpoint. `0.0.0.0` and `::` stand for all of IPv4 and of IPv6. */
function addressesOf({ host }: Network, ipv6Only: boolean): readonly string[] {
  if (host === 'localhost') return LOCALHOST;
  const address = canonical(host);
  return address === ANY && !ipv6Only ? [ANY, ANY_IPV4] : [address];
}

/** Whether the two addresses are equal, or one of them stands for all of the kind of the other. */
function covers(one: string, other: string): boolean {
  if (one === other) return true;
  return (
    [one, other].includes(one.includes(':') ? ANY : ANY_IPV4) && one.includes(':') === other.includes(':')
  );
}

/** A greater figure for an endpoint that has more addresses. */
function breadth(endpoint: Endpoint): number {
  return isNetwork(endpoint) ? ['localhost', ANY_IPV4, ANY].indexOf(canonical(endpoint.host)) : 0;
}

/** One spelling of each address. Any other text is returned as it is. */
function canonical(host: string): string {
  if (!host.includes(':') || host.includes('%')) return host;
  const whole = hostOf(host);
  if (!whole.includes(':')) return whole;
  const url = `http://[${host}]`;
  return URL.canParse(url) ? new URL(url).hostname.slice(1, -1) : host;
}

/** The place of an endpoint. It is the same with TLS and without. */
function showPlace(endpoint: Endpoint): string {
  return showEndpoint(endpoint).replace(/^systemd\+tls:/, 'systemd:');
}

function isNetwork(endpoint: Endpoint): endpoint is Network {
  return 'port' in endpoint;
}
