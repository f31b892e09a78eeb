/** Bytes of a route that every sender may have remembered. */
const SMALL = 256;

/** Bytes of all the longer ones together: those that were used longest ago are forgotten. */
const LARGE_IN_ALL = 8 * 2 ** 20;

/**
 * What was last found out for each of many, by what it was found from; of what is large no more than there is
 * room for.
 */
export class Routes<K extends object, R> {
  readonly #small = new WeakMap<K, R>();
  /** In the order of their last making. */
  readonly #large = new Map<K, { readonly route: R; readonly bytes: number }>();
  #bytes = 0;

  get(key: K): R | undefined {
    return this.#small.get(key) ?? this.#large.get(key)?.route;
  }

  /** @param bytes how large it is */
  set(key: K, route: R, bytes: number): void {
    this.delete(key);
    if (bytes <= SMALL) {
      this.#small.set(key, route);
      return;
    }
    this.#large.set(key, { route, bytes });
    this.#bytes += bytes;
    for (const oldest of this.#large.keys()) {
      if (this.#bytes <= LARGE_IN_ALL) return;
      this.delete(oldest);
    }
  }

  delete(key: K): void {
    this.#small.delete(key);
    const before = this.#large.get(key);
    if (before === undefined) return;
    this.#bytes -= before.bytes;
    this.#large.delete(key);
  }
}
