import type { ServerEvent } from './events.ts';

type Reloadable = Extract<ServerEvent, { type: 'reloaded' }>['what'];

/** What was read from a file, and can be read again: if that fails it stays as it was. */
export class Loaded<T> {
  readonly #what: Reloadable;
  readonly #load: () => T;
  #value: T;

  /**
   * @param what how events name it
   * @param load reads it; an error of the first time is thrown on
   */
  constructor(what: Reloadable, load: () => T) {
    this.#what = what;
    this.#load = load;
    this.#value = load();
  }

  get value(): T {
    return this.#value;
  }

  /** Reads it again; the answer says how that went. */
  reload(): ServerEvent {
    try {
      this.#value = this.#load();
      return { type: 'reloaded', what: this.#what };
    } catch (failure) {
      const message = failure instanceof Error ? failure.message : String(failure);
      return { type: 'reload-failed', what: this.#what, message };
    }
  }
}
