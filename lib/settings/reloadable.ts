import { BehaviorSubject, NEVER, type Observable, type Subscription } from 'rxjs';
import type { ServerEvent } from '../model/server-events.ts';

/** How something is kept as its file is. */
export interface Upkeep<T> {
  /** Each value has it read again. */
  readonly reload$: Observable<unknown>;
  /** Each value has its doubts told again. */
  readonly doubt$?: Observable<unknown>;
  readonly doubtsAbout: (value: T) => readonly string[];
  readonly tell: (event: ServerEvent) => void;
}

type ReloadedFiles = Extract<ServerEvent, { type: 'reloaded' }>['what'];

/** What was read from a file, and can be read again: if that fails it stays as it was. */
export class Reloadable<T> {
  readonly #what: ReloadedFiles;
  readonly #load: (before: T | undefined) => T;
  readonly #count: (value: T) => number | undefined;
  readonly #values: BehaviorSubject<T>;

  /**
   * @param what how events name it
   * @param load reads it, beside what it was before, if it was; an error of the first time is thrown on
   * @param count how many there are of them, if they are counted
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

  /** As it is, and as it is after each time that it could be read again. */
  get value$(): Observable<T> {
    return this.#values;
  }

  /**
   * Reads it again whenever it is to be, and tells how that went; tells too what is doubtful about it, at the
   * start and after each time. It is to go on for as long as the server lives: a signal that nobody listens
   * to ends the program.
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

  /** Reads it again; the answer says how that went. */
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
