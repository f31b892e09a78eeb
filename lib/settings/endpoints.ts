import { type Endpoint, parseEndpoint } from '../protocol/endpoint.ts';
import type { Settings } from './table.ts';

/** Where to listen: at each of `listen`, or in its absence at `host` and `port`. */
export function endpointsOf({ listen, host, port }: Pick<Settings, 'listen' | 'host' | 'port'>): Endpoint[] {
  if (listen.length === 0) return [{ transport: 'tcp', host, port }];
  return listen.map(parseEndpoint).filter((endpoint) => endpoint !== undefined);
}
