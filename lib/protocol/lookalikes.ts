import { isAscii, skeleton } from './skeleton.ts';

/**
 * Which names look like one of those that are here, or have an account. Two ASCII names are never compared:
 * as long as all are ASCII nothing is computed or kept.
 */
export class Lookalikes {
  readonly #names: ReadonlyMap<string, unknown>;
  /** Skeletons of the names that are not ASCII; no two of those that are here are alike. */
  readonly #foreign = new Set<string>();
  /**
   * How many ASCII names have each skeleton; kept from when a name that is not ASCII is first compared with
   * them.
   */
  #ascii: Map<string, number> | undefined;

  /** @param names those that there are; `add` and `remove` tell of its changes */
  constructor(names: ReadonlyMap<string, unknown>) {
    this.#names = names;
  }

  /** Whether there is one that looks like `name`, and at least one of the two is not ASCII. */
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
