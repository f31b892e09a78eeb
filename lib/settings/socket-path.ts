import type { Endpoint } from '../protocol/endpoint.ts';

/**
 * Bytes of the longest path of a Unix socket, one less than the system has room for: it cuts a longer one
 * silently.
 */
export const MAX_PATH_BYTES = process.platform === 'linux' ? 107 : 103;

/** What must be of an endpoint that can be read, if it is not so. */
export function endpointProblem(endpoint: Endpoint): string | undefined {
  const isTooLong = endpoint.transport === 'unix' && Buffer.byteLength(endpoint.path) > MAX_PATH_BYTES;
  return isTooLong ? `must have a path of at most ${MAX_PATH_BYTES} bytes` : undefined;
}
