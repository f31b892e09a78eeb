import type { ServerEvent } from '../model/server-events.ts';

type Reloadable = Extract<ServerEvent, { type: 'reloaded' }>['what'];

/** What was read from a file, and can be read again: if that fails it stays as it was. */
export class Loaded<T> {
  readonly #what: Reloadable;
  readonly #load: (before: T | undefined) => T;
  readonly #count: (value: T) => number | undefined;
  #value: T;

  /**
   * @param what how events name it
   * @param load reads it, beside what it was before, if it was; an error of the first time is thrown on
   * @param count how many there are of them, if they are counted
   */
  constructor(
    what: Reloadable,
    load: (before: T | undefined) => T,
    count: (value: T) => number | undefined = () => undefined,
  ) {
    this.#what = what;
    this.#load = load;
    this.#count = count;
    this.#value = load(undefined);
  }

  get value(): T {
    return this.#value;
  }

  /** Reads it again; the answer says how that went. */
  reload(): ServerEvent {
    try {
      this.#value = this.#load(this.#value);
      return { type: 'reloaded', what: this.#what, count: this.#count(this.#value) };
    } catch (failure) {
      const message = failure instanceof Error ? failure.message : String(failure);
      return { type: 'reload-failed', what: this.#what, message };
    }
  }
}
