/** ms in which the lines of a kind are counted together. */
const WINDOW_MS = 1000;

/** Lines of a kind that are logged in a window. */
const LINES_PER_WINDOW = 100;

/** Lines of a kind that are logged in a window for one place. */
const LINES_PER_PLACE = 10;

/** The number of lines that are summed up, and the sums of their counts. */
export interface Sum<C extends string> {
  readonly count: number;
  readonly counts: Readonly<Record<C, number>>;
}

interface Adding<C extends string> {
  count: number;
  counts: Record<C, number>;
}

/** The lines of one kind in one window. */
interface Kind<C extends string> {
  /** Lines that were logged. */
  logged: number;
  /** Lines that were logged for each place. There are at most as many places as lines in a window. */
  readonly places: Map<string, number>;
  /** Sums of the places that used up their lines. There are at most a tenth as many of these. */
  readonly sums: Map<string, Adding<C>>;
  /** The sum of all other places. */
  rest: Adding<C> | undefined;
}

/**
 * Limits repeated log lines. The first lines of a kind in a window are logged, and fewer for one place. The
 * rest are summed up. Memory is bounded, however many places there are.
 */
export class LogFlood<C extends string = never> {
  readonly #kinds = new Map<string, Kind<C>>();
  readonly #more: (kind: string, place: string | undefined, sum: Sum<C>) => void;

  /** @param more hears of lines that were summed up: for a place that used up its lines, or for all others */
  constructor(more: (kind: string, place: string | undefined, sum: Sum<C>) => void) {
    this.#more = more;
  }

  /** Whether a line is to be logged. Otherwise it is summed up, with its `counts`. */
  hasRoom(name: string, place: string, counts: Readonly<Record<C, number>>): boolean {
    const kind = this.#kinds.get(name) ?? this.#begin(name);
    const logged = kind.places.get(place) ?? 0;
    if (logged >= LINES_PER_PLACE) {
      kind.sums.set(place, sum(kind.sums.get(place), counts));
      return false;
    }
    if (kind.logged >= LINES_PER_WINDOW) {
      kind.rest = sum(kind.rest, counts);
      return false;
    }
    kind.logged += 1;
    kind.places.set(place, logged + 1);
    return true;
  }

  /** Ends all windows: the sums are told now. */
  flush(): void {
    for (const name of this.#kinds.keys()) this.#sumUp(name);
  }

  #begin(name: string): Kind<C> {
    const kind: Kind<C> = { logged: 0, places: new Map(), sums: new Map(), rest: undefined };
    this.#kinds.set(name, kind);
    setTimeout(() => {
      if (this.#kinds.get(name) === kind) this.#sumUp(name);
    }, WINDOW_MS).unref();
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
