/** Keeps a flood of the like from being told one by one: some of a kind are, and then how many more there were. */
export class Crowd {
  readonly #counts = new Map<string, number>();
  readonly #every: number;
  readonly #most: number;
  readonly #more: (kind: string, count: number) => void;

  /**
   * @param every ms in which as many as `most` of a kind are told
   * @param more hears, after that time, how many there were beyond them, if any
   */
  constructor(every: number, most: number, more: (kind: string, count: number) => void) {
    this.#every = every;
    this.#most = most;
    this.#more = more;
  }

  /** Whether this one is to be told; otherwise it is counted. */
  hasRoom(kind: string): boolean {
    const count = (this.#counts.get(kind) ?? 0) + 1;
    this.#counts.set(kind, count);
    if (count === 1) {
      setTimeout(() => {
        this.#sumUp(kind);
      }, this.#every).unref();
    }
    return count <= this.#most;
  }

  /** Tells the sums now. */
  flush(): void {
    for (const kind of this.#counts.keys()) this.#sumUp(kind);
  }

  #sumUp(kind: string): void {
    const beyond = (this.#counts.get(kind) ?? 0) - this.#most;
    this.#counts.delete(kind);
    if (beyond > 0) this.#more(kind, beyond);
  }
}
