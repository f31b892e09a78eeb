import type { Endpoint } from '../protocol/endpoint.ts';

/**
 * Bytes of the longest path of a Unix socket. The system has room for one more, and cuts a longer path
 * silently.
 */
export const MAX_PATH_BYTES = process.platform === 'linux' ? 107 : 103;

/** The problem of an endpoint that was parsed: what it must have. `undefined` where there is none. */
export function endpointProblem(endpoint: Endpoint): string | undefined {
  const isTooLong = endpoint.transport === 'unix' && Buffer.byteLength(endpoint.path) > MAX_PATH_BYTES;
  return isTooLong ? `must have a path of at most ${MAX_PATH_BYTES} bytes` : undefined;
}
