import { COLON, NEWLINE, apart, isBlank, standsAt } from '../model/bytes.ts';
import { fromLines } from './from-lines.ts';
import { normalizeName } from '../protocol/names.ts';
import * as protocol from '../protocol/wire.ts';
import type { Replies } from './replies.ts';
import type { Roster, Seat } from './roster.ts';
import { Routes } from './routes.ts';
import type { Session } from '../model/session.ts';
import { abbreviate, trim } from '../protocol/text.ts';

/** Where message lines go that begin alike. */
interface Route {
  /** The destination list as it was written, with its colon. */
  readonly head: Buffer;
  /** What stands before the text of each message from its sender. */
  readonly prefix: Buffer;
  readonly to: readonly Seat[];
  /** Destinations that nobody here answers to. */
  readonly missing: readonly string[];
  /** Logins of the missing names, as {@link Roster.loginsOf} counts them, when the route was made. */
  readonly logins: number;
}

/** Bytes that are a unit of work. */
export const BYTES_OF_WORK = 64;

/** Bytes of lines that become one delivery: their sender may have to be held after it. */
const RUN_BYTES = 128 * 1024;

/** Bytes of memory that a destination takes in a route, about. */
const ENTRY_BYTES = 32;

/** Finds whom message lines are for, and makes them out as deliveries. */
export class Router {
  readonly #roster: Roster;
  readonly #maxRecipients: number;
  readonly #harmless: (text: string) => string;
  /** The last route of each sender. */
  readonly #routes = new Routes<Session, Route>();

  /**
   * @param maxRecipients destinations of one line
   * @param harmless makes input with control characters fit to be shown
   */
  constructor(roster: Roster, maxRecipients: number, harmless: (text: string) => string) {
    this.#roster = roster;
    this.#maxRecipients = maxRecipients;
    this.#harmless = harmless;
  }

  /**
   * Takes the message line that begins at `at`, and those behind it that go the same way. Returns where they
   * end; `undefined` where the line is no message.
   */
  take(sender: string, block: Buffer, at: number, replies: Replies): number | undefined {
    const route = this.#routeAt(sender, block, at, replies);
    if (typeof route === 'object') return this.#post(route, block, at, replies);
    if (route === undefined) return undefined;
    const limit = this.#maxRecipients;
    replies.say(protocol.error(route, String(limit), `a line has at most ${limit}; nobody got yours`));
    return block.indexOf(NEWLINE, at) + 1;
  }

  /** Lets go of the route of a sender who has left. */
  forget(session: Session): void {
    this.#routes.delete(session);
  }

  #routeAt(
    sender: string,
    block: Buffer,
    at: number,
    replies: Replies,
  ): Route | 'too-many-recipients' | undefined {
    const { session } = replies;
    const last = this.#routes.get(session);
    if (last !== undefined && standsAt(block, at, last.head) && this.#holds(last)) return last;
    // Within the line alone: looking on to the end of the block, line after line, would be quadratic.
    const colon = block.subarray(at, block.indexOf(NEWLINE, at)).indexOf(COLON);
    if (colon < 0) return undefined;
    const list = trim(block.toString('utf8', at, at + colon));
    if (list.startsWith('/')) return undefined;
    const written = new Set(list.split(',').map(trim));
    written.delete('');
    replies.work += written.size;
    if (written.size > this.#maxRecipients) return 'too-many-recipients';
    const names = new Set(Array.from(written, normalizeName));
    if (names.size === 0) return undefined;
    const to: Seat[] = [];
    const missing: string[] = [];
    for (const name of names) {
      const seat = this.#roster.seatOf(name);
      if (seat === undefined) missing.push(name);
      else to.push(seat);
    }
    const route = {
      head: apart(block.subarray(at, at + colon + 1)),
      prefix: apart(Buffer.from(protocol.messagePrefix(sender))),
      // Copies, because they have no spare room.
      to: to.slice(),
      missing: missing.slice(),
      logins: this.#roster.loginsOf(missing),
    };
    this.#routes.set(session, route, route.head.length + ENTRY_BYTES * names.size);
    return route;
  }

  /** Whether the route means the same as when it was made. */
  #holds({ to, missing, logins }: Route): boolean {
    if (missing.length > 0 && logins !== this.#roster.loginsOf(missing)) return false;
    for (const { session } of to) if (session === undefined) return false;
    return true;
  }

  /**
   * Takes the message lines from `at` on that have the same destination list, as one delivery for each
   * recipient. Returns where they end.
   */
  #post({ head, prefix, to, missing }: Route, block: Buffer, at: number, replies: Replies): number {
    const { session } = replies;
    const errors = missing.length === 0 ? '' : missing.map((name) => this.#notConnected(name)).join('');
    // Where some are here and some are not, each line is a run of its own: its error is to follow its
    // message.
    const oneByOne = missing.length > 0 && to.length > 0;
    const bodies: number[] = [];
    let end = at;
    let size = 0;
    do {
      const newline = block.indexOf(NEWLINE, end);
      let from = end + head.length;
      let until = newline;
      while (from < until && isBlank(block[from])) from += 1;
      while (until > from && isBlank(block[until - 1])) until -= 1;
      bodies.push(from, until);
      size += prefix.length + until - from + errors.length;
      end = newline + 1;
    } while (!oneByOne && size < RUN_BYTES && standsAt(block, end, head));
    const count = bodies.length / 2;

    replies.work += to.length + missing.length + Math.floor(size / BYTES_OF_WORK);
    session.accepted += count;
    if (to.length > 0) {
      const bytes = fromLines(prefix, block, bodies, this.#harmless);
      const payload = { bytes, count, from: session, end: undefined };
      for (const { session: recipient } of to) {
        if (recipient === undefined) continue;
        recipient.routed += count;
        replies.deliver({ to: recipient, payload });
      }
    }
    if (missing.length > 0) replies.say(errors.repeat(count));
    return end;
  }

  #notConnected(name: string): string {
    const shown = abbreviate(this.#harmless(name));
    return protocol.error('not-connected', shown, 'nobody of that name is here');
  }
}
