/** ms of a window. */
const WINDOW = 1000;

/** How many of a kind are told in a window. */
const MOST = 100;

/** How many of those may come from one place. */
const MOST_OF_ONE = 10;

/** How many there were that were not told one by one, and the sums of what they count. */
export interface Sum<C extends string> {
  readonly count: number;
  readonly counts: Readonly<Record<C, number>>;
}

interface Adding<C extends string> {
  count: number;
  counts: Record<C, number>;
}

/** One kind in one window. */
interface Kind<C extends string> {
  told: number;
  /** How many each place had told: at most as many places as there may be told in all. */
  readonly places: Map<string, number>;
  /** What is summed up of those places that had their share, of which there are at most a tenth of that. */
  readonly sums: Map<string, Adding<C>>;
  /** What is summed up of all others. */
  rest: Adding<C> | undefined;
}

/**
 * Keeps a flood of the like from being told one by one: some of a kind are, and of one place fewer than that,
 * and then how many more there were. What is remembered is bounded, however many places there are.
 */
export class LogFlood<C extends string = never> {
  readonly #kinds = new Map<string, Kind<C>>();
  readonly #more: (kind: string, place: string | undefined, sum: Sum<C>) => void;

  /** @param more hears of those that were not told: of a place that had its share, or of the rest together */
  constructor(more: (kind: string, place: string | undefined, sum: Sum<C>) => void) {
    this.#more = more;
  }

  /** Whether this one is to be told; otherwise it is counted, with its `counts`. */
  hasRoom(name: string, place: string, counts: Readonly<Record<C, number>>): boolean {
    const kind = this.#kinds.get(name) ?? this.#begin(name);
    const told = kind.places.get(place) ?? 0;
    if (told >= MOST_OF_ONE) {
      kind.sums.set(place, sum(kind.sums.get(place), counts));
      return false;
    }
    if (kind.told >= MOST) {
      kind.rest = sum(kind.rest, counts);
      return false;
    }
    kind.told += 1;
    kind.places.set(place, told + 1);
    return true;
  }

  /** Tells the sums now. */
  flush(): void {
    for (const name of this.#kinds.keys()) this.#sumUp(name);
  }

  #begin(name: string): Kind<C> {
    const kind: Kind<C> = { told: 0, places: new Map(), sums: new Map(), rest: undefined };
    this.#kinds.set(name, kind);
    setTimeout(() => {
      if (this.#kinds.get(name) === kind) this.#sumUp(name);
    }, WINDOW).unref();
    return kind;
  }

  #sumUp(name: string): void {
    const kind = this.#kinds.get(name);
    this.#kinds.delete(name);
    for (const [place, sum] of kind?.sums ?? []) this.#more(name, place, sum);
    if (kind?.rest !== undefined) this.#more(name, undefined, kind.rest);
  }
}

function sum<C extends string>(
  before: Adding<C> | undefined,
  counts: Readonly<Record<C, number>>,
): Adding<C> {
  const after = before ?? { count: 0, counts: { ...counts } };
  if (before !== undefined) for (const name of Object.keys(counts) as C[]) after.counts[name] += counts[name];
  after.count += 1;
  return after;
}
