import { readFileSync } from 'node:fs';

/** Linux's default, for where the limit cannot be read. */
const DEFAULT_BYTES = 4 * 2 ** 20;

/** Most bytes that the kernel keeps of a TCP connection until its peer has them: `tcp_wmem`, see tcp(7). */
export function sendBufferLimit(): number {
  try {
    const [, , most] = readFileSync('/proc/sys/net/ipv4/tcp_wmem', 'latin1').trim().split(/\s+/);
    return Number(most) || DEFAULT_BYTES;
  } catch {
    return DEFAULT_BYTES;
  }
}
