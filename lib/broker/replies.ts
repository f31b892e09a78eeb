import type { Delivery } from '../model/events.ts';
import type { EndReason } from '../protocol/wire.ts';
import type { Session } from '../model/session.ts';

export type Emit = (delivery: Delivery) => void;

/** Characters of replies that become one delivery at the latest. */
const REPLY_CHARACTERS = 16 * 1024;

const NOTHING = Buffer.alloc(0);

/**
 * What one event of a session brings about: replies to that session, and deliveries to it or to others.
 * Replies are gathered, and go ahead of the next delivery: all come in the order in which they arose.
 */
export class Replies {
  /** Whose event it is. */
  readonly session: Session;
  /** Units of work that the event took so far; a unit takes about a microsecond. */
  work = 0;
  readonly #emit: Emit;
  readonly #plain: boolean;
  #text = '';

  /** @param plain whether replies are left out */
  constructor(session: Session, emit: Emit, plain: boolean) {
    this.session = session;
    this.#emit = emit;
    this.#plain = plain;
  }

  /** Replies with whole lines. */
  say(text: string): void {
    if (this.#plain) return;
    this.#text += text;
    if (this.#text.length >= REPLY_CHARACTERS) this.flush();
  }

  /** Opens the session's group downstream, with a delivery that is empty. */
  open(): void {
    this.#deliver(this.session, NOTHING, undefined);
  }

  deliver(delivery: Delivery): void {
    this.flush();
    this.#emit(delivery);
  }

  /** The last delivery to `session`: its group is concluded with it. */
  end(session: Session, reason: EndReason): void {
    this.flush();
    this.#deliver(session, NOTHING, reason);
  }

  /** Delivers what was said. */
  flush(): void {
    if (this.#text === '') return;
    const bytes = Buffer.from(this.#text);
    this.#text = '';
    this.#deliver(this.session, bytes, undefined);
  }

  #deliver(to: Session, bytes: Buffer, end: EndReason | undefined): void {
    this.#emit({ to, payload: { bytes, count: 0, from: to, end } });
  }
}
