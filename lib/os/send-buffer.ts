import { readFileSync } from 'node:fs';

/** Linux's own default, for where it cannot be read. */
const USUAL_BYTES = 4 * 2 ** 20;

/**
 * Bytes that the kernel holds of a TCP connection, at most, until its peer has them: `tcp_wmem`, see tcp(7).
 */
export function sendBufferLimit(): number {
  try {
    const [, , most] = readFileSync('/proc/sys/net/ipv4/tcp_wmem', 'latin1').trim().split(/\s+/);
    return Number(most) || USUAL_BYTES;
  } catch {
    return USUAL_BYTES;
  }
}
