import type { Payload } from './events.ts';
import type { Session } from './session.ts';

/**
 * What waits for a recipient, or for all of them together, counted in bytes. Over the soft mark each session whose input
 * adds to it is held: its socket is not read, and TCP slows its peer down. Nobody else is touched.
 */
export class Backlog {
  readonly #softMark: number;
  readonly #whole: Backlog | undefined;
  readonly #recipient: Session | undefined;
  /** Made when somebody is first held: most recipients never hold anybody. */
  #held: Set<Session> | undefined;
  #bytes = 0;

  /**
   * @param softMark in bytes
   * @param whole the backlog that this one is a part of
   * @param recipient for whom it waits, where it is for one
   */
  constructor(softMark: number, whole?: Backlog, recipient?: Session) {
    this.#softMark = softMark;
    this.#whole = whole;
    this.#recipient = recipient;
  }

  get bytes(): number {
    return this.#bytes;
  }

  add(payload: Payload): void {
    const { bytes, from } = payload;
    this.#whole?.add(payload);
    this.#bytes += bytes.length;
    if (this.#bytes <= this.#softMark || this.#held?.has(from) === true) return;
    this.#held ??= new Set();
    this.#held.add(from);
    from.hold(this.#recipient);
  }

  /** Half the mark lies between holding and releasing, so that a sender does not stop and go for every write. */
  remove(bytes: number): void {
    this.#whole?.remove(bytes);
    this.#bytes -= bytes;
    if (this.#bytes <= this.#softMark / 2) this.#release();
  }

  /** Nothing waits any more. */
  clear(): void {
    this.remove(this.#bytes);
  }

  #release(): void {
    const held = this.#held;
    this.#held = undefined;
    held?.forEach((sender) => {
      sender.release(this.#recipient);
    });
  }
}
