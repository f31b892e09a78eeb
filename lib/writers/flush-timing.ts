/** So many small writes at once take longer than to see whether more is on its way to go out with them. */
const MANY = 64;

/** ms that they wait while each turn brings more. */
const PATIENCE = 20;

/** Waits that end in one turn of the event loop: each is a system call, and others are to have their turn. */
const ENDS_PER_TURN = 2048;

/**
 * Ends the wait of small writes when whatever else the turn of the event loop has read is handled. Where many
 * wait, and the turn brought them more, they wait another one: a line to a thousand recipients is a thousand
 * system calls, and so are a hundred such lines that go out together.
 */
export class FlushTiming {
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
    this.#endAll(due, 0);
  };

  #endAll(due: readonly (() => void)[], from: number): void {
    const end = Math.min(due.length, from + ENDS_PER_TURN);
    for (let index = from; index < end; index += 1) due[index]?.();
    if (end < due.length) {
      setImmediate(() => {
        this.#endAll(due, end);
      });
    }
  }
}
