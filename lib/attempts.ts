/** Wrong tries that an address has free. */
const FREE = 10;

/** ms after which one of them is forgotten. */
const FORGET = 30_000;

/** Addresses that are remembered. */
const MOST = 10_000;

/** Wrong logins by address, for those that have too many of them. */
export class Attempts {
  /** When the last wrong try of each will be forgotten, in ms; in the order of their last tries. */
  readonly #forgotten = new Map<string, number>();

  /** Whether the address is not to try now. */
  exhausted(address: string | undefined): boolean {
    const forgotten = this.#forgotten.get(networkOf(address)) ?? 0;
    return forgotten - performance.now() > (FREE - 1) * FORGET;
  }

  note(address: string | undefined): void {
    const network = networkOf(address);
    const now = performance.now();
    const forgotten = Math.max(now, this.#forgotten.get(network) ?? 0) + FORGET;
    this.#forgotten.delete(network);
    this.#forgotten.set(network, forgotten);
    const [oldest] = this.#forgotten.keys();
    if (this.#forgotten.size > MOST && oldest !== undefined) this.#forgotten.delete(oldest);
  }
}

/**
 * An address for what one peer may have of them: of IPv6 that is a /64. All connections without an address, such as those
 * of a Unix socket, count as one.
 */
export function networkOf(address = ''): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/, '');
  if (!plain.includes(':')) return plain;
  const [head = '', tail] = plain.split('::');
  const groups = (text = '') => (text === '' ? [] : text.split(':'));
  const [left, right] = [groups(head), groups(tail)];
  const zeros = Array<string>(Math.max(0, 8 - left.length - right.length)).fill('0');
  return [...left, ...zeros, ...right].slice(0, 4).join(':');
}
