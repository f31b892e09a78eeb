/** From this many waiting writes on, one more turn of the event loop costs less than it saves. */
const MANY_WRITES = 64;

/** Most ms that many writes wait while each turn brings more. */
const MAX_WAIT_MS = 20;

/** Writes that are made in one turn of the event loop. Each is a system call. */
const WRITES_PER_TURN = 2048;

/**
 * Decides how long small writes wait for more. They are made when the input of the present turn of the event
 * loop is handled. Many of them wait for another turn, as long as each brings more: one line to a thousand
 * recipients is a thousand system calls, and so are a hundred such lines that are written together.
 */
export class FlushTiming {
  readonly #total: { readonly bytes: number };
  #due: (() => void)[] = [];
  /** When the first of them began to wait, in ms. */
  #began = 0;
  /** Bytes that waited for all recipients at the last look. */
  #bytesBefore = 0;

  /** @param total what waits for all recipients together */
  constructor(total: { readonly bytes: number }) {
    this.#total = total;
  }

  /** Calls `action` when the wait is over. */
  atEnd(action: () => void): void {
    if (this.#due.push(action) > 1) return;
    this.#began = performance.now();
    this.#bytesBefore = 0;
    setImmediate(this.#look);
  }

  readonly #look = (): void => {
    const { bytes } = this.#total;
    const isMore = bytes > this.#bytesBefore;
    this.#bytesBefore = bytes;
    if (this.#due.length >= MANY_WRITES && isMore && performance.now() - this.#began < MAX_WAIT_MS) {
      setImmediate(this.#look);
      return;
    }
    const due = this.#due;
    this.#due = [];
    this.#endAll(due, 0);
  };

  #endAll(due: readonly (() => void)[], from: number): void {
    const end = Math.min(due.length, from + WRITES_PER_TURN);
    for (let index = from; index < end; index += 1) due[index]?.();
    if (end < due.length) {
      setImmediate(() => {
        this.#endAll(due, end);
      });
    }
  }
}
