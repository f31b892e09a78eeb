/** So many small writes at once take longer than to see whether more is on its way to go out with them. */
const MANY = 64;

/** ms that they wait while each turn brings more. */
const PATIENCE = 20;

/**
 * Ends the wait of small writes when whatever else the turn of the event loop has read is handled. Where many wait, and
 * the turn brought them more, they wait another one: a line to a thousand recipients is a thousand system calls, and so
 * are a hundred such lines that go out together.
 */
export class Turn {
  readonly #whole: { readonly bytes: number };
  #due: (() => void)[] = [];
  #began = 0;
  #pending = 0;

  /** @param whole what waits for all recipients */
  constructor(whole: { readonly bytes: number }) {
    this.#whole = whole;
  }

  /** Calls `action` when the wait is over. */
  atEnd(action: () => void): void {
    if (this.#due.push(action) > 1) return;
    this.#began = performance.now();
    this.#pending = 0;
    setImmediate(this.#look);
  }

  readonly #look = (): void => {
    const { bytes } = this.#whole;
    const isMore = bytes > this.#pending;
    this.#pending = bytes;
    if (this.#due.length >= MANY && isMore && performance.now() - this.#began < PATIENCE) {
      setImmediate(this.#look);
      return;
    }
    const due = this.#due;
    this.#due = [];
    for (const action of due) action();
  };
}
