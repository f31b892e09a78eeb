/** Keeps a flood of the like from being told one by one: the first of a kind is, and then how many more there were. */
export class Crowd {
  readonly #counts = new Map<string, number>();
  readonly #every: number;
  readonly #more: (kind: string, count: number) => void;

  /**
   * @param every ms from the first to the sum of the others
   * @param more hears that sum, if it is not 0
   */
  constructor(every: number, more: (kind: string, count: number) => void) {
    this.#every = every;
    this.#more = more;
  }

  /** Whether this one is to be told; otherwise it is counted. */
  isFirst(kind: string): boolean {
    const count = this.#counts.get(kind);
    this.#counts.set(kind, count === undefined ? 0 : count + 1);
    if (count !== undefined) return false;
    setTimeout(() => {
      this.#sumUp(kind);
    }, this.#every).unref();
    return true;
  }

  /** Tells the sums now. */
  flush(): void {
    for (const kind of this.#counts.keys()) this.#sumUp(kind);
  }

  #sumUp(kind: string): void {
    const count = this.#counts.get(kind) ?? 0;
    this.#counts.delete(kind);
    if (count > 0) this.#more(kind, count);
  }
}
