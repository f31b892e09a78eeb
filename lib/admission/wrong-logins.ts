import { hostOf } from '../protocol/address.ts';

/** Wrong tries that a host has free. */
const FREE = 10;

/** ms after which one of them is forgotten. */
const FORGET = 30_000;

/** Hosts that are remembered. */
const MOST = 10_000;

/**
 * Wrong logins by host, for those that have too many of them. All connections without an address, such as
 * those of a Unix socket, count as one.
 */
export class WrongLogins {
  /** When the last wrong try of each will be forgotten, in ms; in the order of their last tries. */
  readonly #forgotten = new Map<string, number>();

  /** Whether the address is not to try now. */
  exhausted(address = ''): boolean {
    const forgotten = this.#forgotten.get(hostOf(address)) ?? 0;
    return forgotten - performance.now() > (FREE - 1) * FORGET;
  }

  note(address = ''): void {
    const host = hostOf(address);
    const now = performance.now();
    const forgotten = Math.max(now, this.#forgotten.get(host) ?? 0) + FORGET;
    this.#forgotten.delete(host);
    this.#forgotten.set(host, forgotten);
    const [oldest] = this.#forgotten.keys();
    if (this.#forgotten.size > MOST && oldest !== undefined) this.#forgotten.delete(oldest);
  }
}
