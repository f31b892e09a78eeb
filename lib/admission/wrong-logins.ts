import { hostOf } from '../protocol/address.ts';

/** Wrong logins that a host may make before it is refused. */
const FREE_WRONG_LOGINS = 10;

/** ms until one wrong login is forgotten. */
const FORGOTTEN_MS = 30_000;

/** Hosts that are remembered. */
const MAX_HOSTS = 10_000;

/**
 * Counts wrong logins by host. All connections without an address, such as those of a Unix socket, count as
 * one host.
 */
export class WrongLogins {
  /** Time at which all wrong logins of a host are forgotten, in ms; in the order of their last ones. */
  readonly #forgottenAt = new Map<string, number>();

  /** Whether the host at `address` has made too many wrong logins. */
  exhausted(address = ''): boolean {
    const forgottenAt = this.#forgottenAt.get(hostOf(address)) ?? 0;
    return forgottenAt - performance.now() > (FREE_WRONG_LOGINS - 1) * FORGOTTEN_MS;
  }

  /** Counts a wrong login of the host at `address`. */
  note(address = ''): void {
    const host = hostOf(address);
    const now = performance.now();
    const forgottenAt = Math.max(now, this.#forgottenAt.get(host) ?? 0) + FORGOTTEN_MS;
    this.#forgottenAt.delete(host);
    this.#forgottenAt.set(host, forgottenAt);
    const [oldest] = this.#forgottenAt.keys();
    if (this.#forgottenAt.size > MAX_HOSTS && oldest !== undefined) this.#forgottenAt.delete(oldest);
  }
}
