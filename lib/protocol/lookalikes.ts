import { isAscii, skeleton } from './skeleton.ts';

/**
 * Finds names that look like one of a set: those of users who are here, or of accounts. Two ASCII names never
 * count as alike. While all names are ASCII, nothing is computed or kept.
 */
export class Lookalikes {
  readonly #names: ReadonlyMap<string, unknown>;
  /** Skeletons of the names that are not ASCII. No two names of the set are alike. */
  readonly #foreign = new Set<string>();
  /**
   * Number of ASCII names with each skeleton. It is made when a name that is not ASCII is first looked up.
   */
  #ascii: Map<string, number> | undefined;

  /** @param names the set; `add` and `remove` tell of its changes */
  constructor(names: ReadonlyMap<string, unknown>) {
    this.#names = names;
  }

  /** Whether a name of the set looks like `name`. At least one of the two is not ASCII. */
  has(name: string): boolean {
    if (isAscii(name)) return this.#foreign.size > 0 && this.#foreign.has(skeleton(name));
    this.#ascii ??= count(this.#names.keys());
    const look = skeleton(name);
    return this.#foreign.has(look) || this.#ascii.has(look);
  }

  add(name: string): void {
    if (!isAscii(name)) this.#foreign.add(skeleton(name));
    else if (this.#ascii !== undefined) change(this.#ascii, name, 1);
  }

  remove(name: string): void {
    if (!isAscii(name)) this.#foreign.delete(skeleton(name));
    else if (this.#ascii !== undefined) change(this.#ascii, name, -1);
  }
}

function count(names: Iterable<string>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) if (isAscii(name)) change(counts, name, 1);
  return counts;
}

function change(counts: Map<string, number>, name: string, by: number): void {
  const look = skeleton(name);
  const next = (counts.get(look) ?? 0) + by;
  if (next === 0) counts.delete(look);
  else counts.set(look, next);
}
