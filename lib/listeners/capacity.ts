import { freeDescriptors } from '../os/descriptors.ts';
import { REFUSALS } from './listeners.ts';
import { HANDSHAKES } from './tls.ts';

/** The settings that this file looks at. */
interface Limits {
  readonly maxConnections: number;
  readonly tlsCert: string | undefined;
}

/**
 * Descriptors that are kept free of sessions: for refused connections, the admin endpoint, the log, files.
 */
const SPARE_DESCRIPTORS = 2 * REFUSALS;

/**
 * Lowers `maxConnections` to what the free descriptors allow. Without a descriptor, libuv closes a new
 * connection and tells nobody. With this limit the peer is told that the server is full, and the other
 * sessions go on.
 */
export function withinCapacity<T extends Limits>(settings: T): T {
  const handshakes = settings.tlsCert === undefined ? 0 : HANDSHAKES;
  const room = (freeDescriptors() ?? Infinity) - SPARE_DESCRIPTORS - handshakes;
  return { ...settings, maxConnections: Math.max(1, Math.min(settings.maxConnections, room)) };
}
