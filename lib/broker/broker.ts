import { type OperatorFunction, identity } from 'rxjs';
import { NEWLINE } from '../model/bytes.ts';
import { answer } from './commands.ts';
import { emitEach } from './emit-each.ts';
import type { Delivery, SessionEvent } from '../model/events.ts';
import { type LoginOptions, Logins } from './logins.ts';
import { type Emit, Replies } from './replies.ts';
import { Roster } from './roster.ts';
import { BYTES_OF_WORK, Router } from './router.ts';
import type { ServerEvent } from '../model/server-events.ts';
import { defang, trim } from '../protocol/text.ts';
import * as protocol from '../protocol/wire.ts';

export interface BrokerOptions extends LoginOptions {
  /** Bytes of the longest line; named in the error about one that is longer. */
  readonly maxLine: number;
  /** Destinations of one line; one that has more is refused. */
  readonly maxRecipients: number;
  /** Says nothing but `from` lines. */
  readonly plain: boolean;
  /** Passes control characters on instead of showing stand-ins. */
  readonly allowControlChars: boolean;
}

/**
 * Units of work for one session at a time, until its other lines are given back: a line, a destination, a
 * delivery, or a number of bytes.
 */
const WORK_AT_A_TIME = 4096;

/**
 * The operator between what sessions say and what they are to hear. It alone knows who is here, so it alone
 * can tell a login from a message; it logs sessions in and out, makes out messages to their recipients, and
 * answers.
 *
 * The first delivery to a session, empty, comes with its opening, and opens its group downstream; one with an
 * `end` is the last, and the group is concluded with it.
 */
export function broker(
  options: BrokerOptions,
  tell: (event: ServerEvent) => void,
): OperatorFunction<SessionEvent, Delivery> {
  return (events$) => {
    const dispatch = new Broker(options, tell);
    return events$.pipe(
      emitEach((event, emit) => {
        dispatch.handle(event, emit);
      }),
    );
  };
}

/** Hands each event to who knows what it means. */
class Broker {
  readonly #options: BrokerOptions;
  readonly #tell: (event: ServerEvent) => void;
  readonly #roster = new Roster();
  readonly #router: Router;
  readonly #logins: Logins;
  readonly #harmless: (text: string) => string;

  constructor(options: BrokerOptions, tell: (event: ServerEvent) => void) {
    this.#options = options;
    this.#tell = tell;
    this.#harmless = options.allowControlChars ? identity : defang;
    this.#router = new Router(this.#roster, options.maxRecipients, this.#harmless);
    this.#logins = new Logins(options, this.#roster, this.#router, this.#harmless, tell);
  }

  /** What should not happen while a session is served ends that session alone. */
  handle(event: SessionEvent, emit: Emit): void {
    const { plain } = this.#options;
    const { session } = event;
    try {
      const replies = new Replies(session, emit, plain);
      this.#serve(event, replies);
      replies.flush();
    } catch (failure) {
      this.#tell({ type: 'bug', name: session.name, remote: session.remote, failure });
      if (this.#roster.has(session))
        this.#logins.end(session, 'internal-error', new Replies(session, emit, plain));
    }
  }

  #serve(event: SessionEvent, replies: Replies): void {
    if (event.type === 'opened') {
      this.#logins.open(replies);
      return;
    }
    // What a session says after its end has no effect: its peer was told.
    if (!this.#roster.has(event.session)) return;
    switch (event.type) {
      case 'lines':
        this.#takeLines(event.block, replies);
        break;
      case 'login':
        this.#logins.take(event.line, event.verdict, replies);
        break;
      case 'overlong': {
        const limit = String(this.#options.maxLine);
        const why = 'a line has at most that many bytes; yours was dropped';
        replies.say(protocol.error('line-too-long', limit, why));
        break;
      }
      case 'ended':
        this.#logins.dismiss(event.reason, replies);
        break;
      default:
        event satisfies never;
    }
  }

  /**
   * Takes whole lines, as far as the session lives. At least one is taken; others are given back where their
   * session is held by now, or has used up its time.
   */
  #takeLines(block: Buffer, replies: Replies): void {
    const { session } = replies;
    for (let at = 0; at < block.length && this.#roster.has(session);) {
      if (replies.work > 0 && (replies.work >= WORK_AT_A_TIME || session.held)) {
        replies.flush();
        session.takeBack(block.subarray(at));
        return;
      }
      at = this.#takeLine(block, at, replies);
    }
  }

  /** Takes the line that begins at `at`, and messages behind it that go the same way; returns their end. */
  #takeLine(block: Buffer, at: number, replies: Replies): number {
    const { name } = replies.session;
    replies.work += 1;
    const end = name === undefined ? undefined : this.#router.take(name, block, at, replies);
    if (end !== undefined) return end;
    const newline = block.indexOf(NEWLINE, at);
    const line = trim(block.toString('utf8', at, newline));
    if (line === '') return newline + 1;
    if (name === undefined) this.#logins.take(line, 'guest', replies);
    else this.#obey(line, replies);
    return newline + 1;
  }

  /** A line of a logged-in session that is no message. */
  #obey(line: string, replies: Replies): void {
    const { text, quit } = answer(line, this.#roster, this.#options.maxLine, this.#harmless);
    replies.say(text);
    replies.work += Math.floor(text.length / BYTES_OF_WORK);
    if (quit) this.#logins.end(replies.session, 'quit', replies);
  }
}
