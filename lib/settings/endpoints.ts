import { type Endpoint, parseEndpoint } from '../protocol/endpoint.ts';
import type { Settings } from './table.ts';

/** The endpoints to listen at: those of `listen`, or where there are none, that of `host` and `port`. */
export function endpointsOf({ listen, host, port }: Pick<Settings, 'listen' | 'host' | 'port'>): Endpoint[] {
  if (listen.length === 0) return [{ transport: 'tcp', host, port }];
  return listen.map(parseEndpoint).filter((endpoint) => endpoint !== undefined);
}
