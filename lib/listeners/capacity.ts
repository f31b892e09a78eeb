import { freeDescriptors } from '../os/descriptors.ts';
import { REFUSALS } from './listeners.ts';
import { HANDSHAKES } from './tls.ts';

interface Limits {
  readonly maxConnections: number;
  readonly tlsCert: string | undefined;
}

/**
 * Descriptors kept free for all that is no session: refused connections, the admin endpoint, the log, files.
 */
const SPARE_DESCRIPTORS = 2 * REFUSALS;

/**
 * No more sessions than descriptors. Without one, libuv closes a new connection without a word to anybody;
 * this way its peer is told that the server is full, and whoever is here goes on.
 */
export function withinCapacity<T extends Limits>(settings: T): T {
  const handshakes = settings.tlsCert === undefined ? 0 : HANDSHAKES;
  const room = (freeDescriptors() ?? Infinity) - SPARE_DESCRIPTORS - handshakes;
  return { ...settings, maxConnections: Math.max(1, Math.min(settings.maxConnections, room)) };
}
