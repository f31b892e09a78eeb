import { BlockList, isIP } from 'node:net';
import { type Endpoint, isSecure, showEndpoint } from '../protocol/endpoint.ts';
import { overlapOf } from '../protocol/endpoint-overlap.ts';
import { endpointsOf } from './endpoints.ts';
import { flagOf } from './option-names.ts';
import type { Key, Settings, SettingsOfServer } from './table.ts';

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8);
LOOPBACK.addAddress('::1', 'ipv6');

/**
 * Settings that are right one by one, but not together: what is wrong with `key` beside what else there is.
 */
interface Contradiction {
  readonly key: Key;
  readonly problem: string;
  /** All that it is about; if one of these is no setting, nobody knows. */
  readonly among: readonly Key[];
}

const PLACES: readonly Key[] = ['listen', 'host', 'port'];

/** What is wrong with settings beside each other. */
export function contradictions(options: SettingsOfServer): Contradiction[] {
  const overlap = overlapOf(endpointsOf(options));
  const places: Contradiction[] =
    overlap === undefined ? [] : [{ key: 'listen', problem: overlap, among: ['listen'] }];
  return [...places, ...contradictionsOfTls(options), ...contradictionsOfAccounts(options)];
}

/** Where TLS could not work, or where somebody may think that it does. */
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
  return key === undefined ? [] : [{ key, problem, among: [key, ...PLACES] }];
}

/** What keeps the accounts from doing what they are for. */
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
  return [{ key: 'accounts', problem, among: ['accounts', 'insecure', ...PLACES] }];
}

/** Whether other machines may come in there in plain text. What systemd listens on is not known yet. */
function isOpen(at: Endpoint): boolean {
  return at.transport === 'systemd' || (at.transport === 'tcp' && !isLoopback(at.host));
}

function isLoopback(host: string): boolean {
  const version = isIP(host);
  if (version === 0) return host === 'localhost';
  return LOOPBACK.check(host, version === 4 ? 'ipv4' : 'ipv6');
}
