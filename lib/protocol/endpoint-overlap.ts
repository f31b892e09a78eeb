import { hostOf } from './address.ts';
import { type Endpoint, showEndpoint } from './endpoint.ts';

/** The addresses that `localhost` is, whatever the machine's files say of it. */
export const LOCALHOST = ['127.0.0.1', '::1'];

const ANY_IPV4 = '0.0.0.0';
const ANY = '::';

type Network = Extract<Endpoint, { port: number }>;

/** What is wrong where two of them would listen at the same place; `undefined` where none do. */
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

/** Whether it is to leave IPv4 to another one, as it would listen there too if it were alone. */
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

/** Addresses, of which two stand for all of their kind. */
function addressesOf({ host }: Network, ipv6Only: boolean): readonly string[] {
  if (host === 'localhost') return LOCALHOST;
  const address = canonical(host);
  return address === ANY && !ipv6Only ? [ANY, ANY_IPV4] : [address];
}

function covers(one: string, other: string): boolean {
  if (one === other) return true;
  return (
    [one, other].includes(one.includes(':') ? ANY : ANY_IPV4) && one.includes(':') === other.includes(':')
  );
}

function breadth(endpoint: Endpoint): number {
  return isNetwork(endpoint) ? ['localhost', ANY_IPV4, ANY].indexOf(canonical(endpoint.host)) : 0;
}

/** One spelling for each address; what is none stays as it is. */
function canonical(host: string): string {
  if (!host.includes(':') || host.includes('%')) return host;
  const whole = hostOf(host);
  if (!whole.includes(':')) return whole;
  const url = `http://[${host}]`;
  return URL.canParse(url) ? new URL(url).hostname.slice(1, -1) : host;
}

/** With or without TLS it is the same place. */
function showPlace(endpoint: Endpoint): string {
  return showEndpoint(endpoint).replace(/^systemd\+tls:/, 'systemd:');
}

function isNetwork(endpoint: Endpoint): endpoint is Network {
  return 'port' in endpoint;
}
