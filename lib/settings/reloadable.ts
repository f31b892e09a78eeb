import { BehaviorSubject, NEVER, type Observable, type Subscription } from 'rxjs';
import type { ServerEvent } from '../model/server-events.ts';

/** The occasions to read files again, and what is told of them. */
export interface Upkeep<T> {
  /** Each value has the files read again. */
  readonly reload$: Observable<unknown>;
  /** Each value has the doubts told again. */
  readonly doubt$?: Observable<unknown>;
  /** Returns the doubts about a value, one line each. */
  readonly doubtsAbout: (value: T) => readonly string[];
  readonly tell: (event: ServerEvent) => void;
}

type ReloadedFiles = Extract<ServerEvent, { type: 'reloaded' }>['what'];

/** A value from files that can be read again. Where that fails, the value stays as it was. */
export class Reloadable<T> {
  readonly #what: ReloadedFiles;
  readonly #load: (before: T | undefined) => T;
  readonly #count: (value: T) => number | undefined;
  readonly #values: BehaviorSubject<T>;

  /**
   * Reads the files for the first time. Throws an error of `load`.
   *
   * @param what the name of the files in events
   * @param load reads the files; `before` is the value so far, and `undefined` the first time
   * @param count returns the number of entries of a value; `undefined` where entries are not counted
   */
  constructor(
    what: ReloadedFiles,
    load: (before: T | undefined) => T,
    count: (value: T) => number | undefined = () => undefined,
  ) {
    this.#what = what;
    this.#load = load;
    this.#count = count;
    this.#values = new BehaviorSubject(load(undefined));
  }

  get value(): T {
    return this.#values.value;
  }

  /** The value now, and the value after each successful reload. */
  get value$(): Observable<T> {
    return this.#values;
  }

  /**
   * Reads the files again at each value of `reload$`, and tells the outcome. The doubts about the value are
   * told at the start, at each value of `doubt$`, and after each reload. The subscription has to last as long
   * as the server: a signal that nobody listens to ends the program.
   */
  keep({ reload$, doubt$ = NEVER, doubtsAbout, tell }: Upkeep<T>): Subscription {
    const doubt = () => {
      for (const message of doubtsAbout(this.value)) tell({ type: 'doubtful', what: this.#what, message });
    };
    doubt();
    const life = doubt$.subscribe(doubt);
    life.add(
      reload$.subscribe(() => {
        tell(this.reload());
        doubt();
      }),
    );
    return life;
  }

  /** Reads the files again. Returns the event that tells the outcome. */
  reload(): ServerEvent {
    try {
      this.#values.next(this.#load(this.value));
      return { type: 'reloaded', what: this.#what, count: this.#count(this.value) };
    } catch (failure) {
      const message = failure instanceof Error ? failure.message : String(failure);
      return { type: 'reload-failed', what: this.#what, message };
    }
  }
}
