/** Bytes up to which a route is kept for every sender. */
const SMALL_ROUTE_BYTES = 256;

/** Bytes of all larger routes together. Those that were set first are dropped to make room. */
const LARGE_ROUTES_BYTES = 8 * 2 ** 20;

/** Holds the last route of each sender: a small one as long as its sender, a large one while it has room. */
export class Routes<K extends object, R> {
  readonly #small = new WeakMap<K, R>();
  /** Larger routes with their sizes, in the order in which they were set. */
  readonly #large = new Map<K, { readonly route: R; readonly bytes: number }>();
  /** Bytes of all larger routes. */
  #bytes = 0;

  get(key: K): R | undefined {
    return this.#small.get(key) ?? this.#large.get(key)?.route;
  }

  /**
   * Sets the route of a sender.
   *
   * @param bytes the size of the route
   */
  set(key: K, route: R, bytes: number): void {
    this.delete(key);
    if (bytes <= SMALL_ROUTE_BYTES) {
      this.#small.set(key, route);
      return;
    }
    this.#large.set(key, { route, bytes });
    this.#bytes += bytes;
    for (const oldest of this.#large.keys()) {
      if (this.#bytes <= LARGE_ROUTES_BYTES) return;
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
