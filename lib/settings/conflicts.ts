import { BlockList, isIP } from 'node:net';
import { type Endpoint, isSecure, showEndpoint } from '../protocol/endpoint.ts';
import { overlapOf } from '../protocol/endpoint-overlap.ts';
import { endpointsOf } from './endpoints.ts';
import { flagOf } from './option-names.ts';
import type { Key, Settings, SettingsOfServer } from './table.ts';

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8);
LOOPBACK.addAddress('::1', 'ipv6');

/** A problem of one setting beside others. Each of them may be valid by itself. */
interface Contradiction {
  readonly key: Key;
  readonly problem: string;
  /** The settings that the problem depends on. One that is invalid by itself keeps it from being reported. */
  readonly among: readonly Key[];
}

/** Settings that say where the server listens. */
const ENDPOINT_KEYS: readonly Key[] = ['listen', 'host', 'port'];

/** The contradictions among the settings of a server. */
export function contradictions(options: SettingsOfServer): Contradiction[] {
  const overlap = overlapOf(endpointsOf(options));
  const overlaps: Contradiction[] =
    overlap === undefined ? [] : [{ key: 'listen', problem: overlap, among: ['listen'] }];
  return [...overlaps, ...contradictionsOfTls(options), ...contradictionsOfAccounts(options)];
}

/** TLS endpoints without a certificate and its key, and files of TLS without a TLS endpoint. */
function contradictionsOfTls(
  options: Pick<Settings, 'tlsCert' | 'tlsKey' | 'tlsCa' | 'listen' | 'host' | 'port'>,
): Contradiction[] {
  const { tlsCert, tlsKey } = options;
  if (endpointsOf(options).some(isSecure)) {
    if (tlsCert !== undefined && tlsKey !== undefined) return [];
    const files = `${flagOf('tlsCert')} and ${flagOf('tlsKey')}`;
    const problem = `has a tls:// endpoint, which needs a certificate and its key: ${files}`;
    return [{ key: 'listen', problem, among: ['listen', 'tlsCert', 'tlsKey'] }];
  }
  const problem = `does nothing without a tls:// endpoint: ${flagOf('listen')} tls://<address>:<port>`;
  const key = (['tlsCert', 'tlsKey', 'tlsCa'] as const).find((file) => options[file] !== undefined);
  return key === undefined ? [] : [{ key, problem, among: [key, ...ENDPOINT_KEYS] }];
}

/** Guests without accounts, and passwords that may cross a network in plain text. */
function contradictionsOfAccounts(
  options: Pick<Settings, 'accounts' | 'guests' | 'insecure' | 'listen' | 'host' | 'port'>,
): Contradiction[] {
  const { accounts, guests, insecure } = options;
  if (accounts === undefined) {
    return guests
      ? [{ key: 'guests', problem: 'means nothing without accounts', among: ['guests', 'accounts'] }]
      : [];
  }
  const open = endpointsOf(options).find(isOpen);
  if (open === undefined || insecure) return [];
  const problem = `at ${showEndpoint(open)}: passwords would pass in plain text; listen on 127.0.0.1, or say insecure`;
  return [{ key: 'accounts', problem, among: ['accounts', 'insecure', ...ENDPOINT_KEYS] }];
}

/**
 * Whether other machines may connect there in plain text. The addresses of systemd's sockets are not known
 * yet, so these count as open.
 */
function isOpen(at: Endpoint): boolean {
  return at.transport === 'systemd' || (at.transport === 'tcp' && !isLoopback(at.host));
}

function isLoopback(host: string): boolean {
  const version = isIP(host);
  if (version === 0) return host === 'localhost';
  return LOOPBACK.check(host, version === 4 ? 'ipv4' : 'ipv6');
}
