import type { OperatorFunction } from 'rxjs';
import { answer } from './commands.ts';
import type { Delivery, RefusalCode, ServerEvent, SessionEvent, Verdict } from './events.ts';
import { nameProblem, normalizeName } from './names.ts';
import * as protocol from './protocol.ts';
import type { EndReason, ErrorCode } from './protocol.ts';
import { Roster } from './roster.ts';
import { scatter } from './scatter.ts';
import type { Session } from './session.ts';
import { abbreviate, decode, defang, detach, encode, isPlain, trim } from './text.ts';

export interface BrokerOptions {
  /** Connections at a time; one more is refused. */
  readonly maxConnections: number;
  /** Of one address; 0 for any number. */
  readonly maxConnectionsPerAddress: number;
  /** Named in the errors about them: bytes, and ms. */
  readonly maxLine: number;
  readonly loginTimeout: number;
  /** Says nothing but `from` lines. */
  readonly plain: boolean;
  /** Passes control characters on instead of showing stand-ins. */
  readonly allowControlChars: boolean;
}

type Emit = (delivery: Delivery) => void;

/** Whom a destination list means, as long as the roster is of the same version. */
interface Route {
  /** The list as it was written, with its colon. */
  readonly head: string;
  readonly version: number;
  readonly to: readonly Session[];
  /** Destinations that nobody here answers to. */
  readonly missing: readonly string[];
}

const NOTHING = Buffer.alloc(0);

/**
 * The operator between what sessions say and what they are to hear. It alone knows who is here, so it alone can tell a
 * login from a message; it logs sessions in and out, makes out messages to their recipients, and answers.
 *
 * The first delivery to a session, empty, comes with its opening, and one with an `end` is the last: those two are the
 * bounds of the session's group downstream.
 */
export function broker(
  options: BrokerOptions,
  tell: (event: ServerEvent) => void,
): OperatorFunction<SessionEvent, Delivery> {
  return (events$) => {
    const desk = new Broker(options, tell);
    return events$.pipe(
      scatter((event, emit) => {
        desk.handle(event, emit);
      }),
    );
  };
}

class Broker {
  readonly #options: BrokerOptions;
  readonly #tell: (event: ServerEvent) => void;
  readonly #roster = new Roster();
  /** The last destination list of each sender. */
  readonly #routes = new WeakMap<Session, Route>();
  /** Lines for the session at work. */
  #replies = '';

  constructor(options: BrokerOptions, tell: (event: ServerEvent) => void) {
    this.#options = options;
    this.#tell = tell;
  }

  handle(event: SessionEvent, emit: Emit): void {
    const { session } = event;
    if (event.type === 'opened') {
      this.#admit(session, emit);
      return;
    }
    // What a session says after its end has no effect: its peer was told.
    if (!this.#roster.has(session)) return;
    switch (event.type) {
      case 'lines':
        this.#takeLines(session, event.text, emit);
        break;
      case 'login':
        this.#login(session, event.line, event.verdict, emit);
        break;
      case 'overlong': {
        const limit = String(this.#options.maxLine);
        this.#say(
          protocol.error('line-too-long', limit, 'a line has at most that many bytes; yours was dropped'),
        );
        break;
      }
      case 'ended':
        this.#dismiss(session, event.reason, emit);
        break;
      default:
        event satisfies never;
    }
    this.#reply(session, emit);
  }

  #admit(session: Session, emit: Emit): void {
    const { maxConnections, maxConnectionsPerAddress: perAddress } = this.#options;
    this.#roster.admit(session);
    emit({ to: session, bytes: NOTHING, count: 0, from: session, end: undefined });
    if (this.#roster.size > maxConnections) {
      this.#turnAway(session, 'server-full', 'try again later', emit);
    } else if (perAddress > 0 && this.#roster.sessionsFrom(session.address) > perAddress) {
      const why = `one address may have ${perAddress} at a time`;
      this.#turnAway(session, 'too-many-connections', why, emit);
    } else if (session.certificate !== undefined && 'flaw' in session.certificate) {
      const { flaw } = session.certificate;
      this.#turnAway(session, 'certificate-refused', `yours does not hold here: ${flaw}`, emit, flaw);
    }
  }

  /** Ends a session as its reader says. */
  #dismiss(session: Session, reason: EndReason, emit: Emit): void {
    if (reason === 'login-timeout') {
      const why = `no name came within ${this.#options.loginTimeout / 1000} s`;
      this.#turnAway(session, reason, why, emit);
    } else if (reason === 'not-chat') {
      this.#turnAway(session, reason, 'this is a chat in plain text', emit);
    } else {
      this.#end(session, reason, emit);
    }
  }

  /** Takes one-byte text of whole lines, as far as the session lives. */
  #takeLines(session: Session, text: string, emit: Emit): void {
    for (let at = 0; at < text.length && this.#roster.has(session);) {
      if (session.name !== undefined) {
        const route = this.#routeAt(session, text, at);
        if (route !== undefined) {
          at = this.#post(session, route, text, at, emit);
          continue;
        }
      }
      const newline = text.indexOf('\n', at);
      const line = trim(decode(text.slice(at, newline)));
      at = newline + 1;
      if (line === '') continue;
      if (session.name === undefined) this.#login(session, line, 'guest', emit);
      else this.#obey(session, line, emit);
    }
  }

  /** The route of the message line that begins at `at`; `undefined` where it is no message. */
  #routeAt(session: Session, text: string, at: number): Route | undefined {
    const last = this.#routes.get(session);
    if (last?.version === this.#roster.version && text.startsWith(last.head, at)) return last;

    // Within the line alone: looking on to the end of the text, line after line, would be quadratic.
    const length = text.slice(at, text.indexOf('\n', at)).indexOf(':') + 1;
    if (length === 0) return undefined;
    const head = detach(text.slice(at, at + length));
    const list = trim(decode(head.slice(0, -1)));
    if (list.startsWith('/')) return undefined;
    const names = new Set(list.split(',').map(normalizeName));
    names.delete('');
    if (names.size === 0) return undefined;

    const to: Session[] = [];
    const missing: string[] = [];
    for (const name of names) {
      const recipient = this.#roster.find(name);
      if (recipient === undefined) missing.push(name);
      else to.push(recipient);
    }
    const route = { head, version: this.#roster.version, to, missing };
    this.#routes.set(session, route);
    return route;
  }

  /**
   * Takes the message lines from `at` on that have the same destination list, as one delivery for each recipient.
   * Returns where they end.
   */
  #post(session: Session, { head, to, missing }: Route, text: string, at: number, emit: Emit): number {
    // Where some are here and some are not, each line is a run of its own: its error is to follow its message.
    const oneByOne = missing.length > 0 && to.length > 0;
    const bodies: number[] = [];
    let end = at;
    do {
      const newline = text.indexOf('\n', end);
      bodies.push(end + head.length, newline);
      end = newline + 1;
    } while (!oneByOne && text.startsWith(head, end));
    const count = bodies.length / 2;

    session.accepted += count;
    if (to.length > 0) {
      this.#reply(session, emit);
      const bytes = this.#wire(session, text, bodies);
      for (const recipient of to) {
        recipient.routed += count;
        emit({ to: recipient, bytes, count, from: session, end: undefined });
      }
    }
    if (missing.length > 0) {
      const errors = missing.map((name) => this.#notConnected(name)).join('');
      this.#say(errors.repeat(count));
    }
    return end;
  }

  /** The `from` lines of message texts, each given by where it begins and ends in `text`. */
  #wire({ prefix }: Session, text: string, bodies: readonly number[]): Buffer {
    const quick = assemble(prefix, text, bodies, trimmed);
    // Nearly always all is plain, so that is found out last, on the bytes, where it costs least.
    if (isPlain(quick)) return quick;
    const careful = (from: number, to: number) => encode(this.#harmless(trim(decode(text.slice(from, to)))));
    return assemble(prefix, text, bodies, (_text, from, to) => `${careful(from, to)}\n`);
  }

  #login(session: Session, line: string, verdict: Verdict, emit: Emit): void {
    if (protocol.isHttpRequest(line)) {
      this.#turnAway(session, 'not-chat', 'this is a chat, not a web server', emit);
      return;
    }
    const name = normalizeName(line);
    const problem = nameProblem(name);
    const former = this.#roster.find(name);
    const { certificate } = session;
    const certified = certificate !== undefined && 'name' in certificate ? certificate.name : undefined;
    if (problem !== undefined) {
      // What is no name may be anything, a message to somebody included: it is not for the log.
      this.#refuseName(session, 'name-invalid', name, problem, false);
    } else if (typeof verdict === 'object') {
      this.#refuseName(session, verdict.code, name, verdict.why, verdict.known);
      if (verdict.over) this.#end(session, verdict.code, emit);
    } else if (certified !== undefined && normalizeName(certified) !== name) {
      this.#refuseName(session, 'not-certified', name, `your certificate is for ${this.#show(certified)}`);
    } else if (former !== undefined && verdict === 'guest') {
      this.#refuseName(session, 'name-taken', name, 'somebody of that name is here, try another');
    } else if (former === undefined && this.#roster.hasLookalike(name)) {
      this.#refuseName(session, 'name-taken', name, 'it looks like the name of somebody here, try another');
    } else {
      if (former !== undefined) this.#end(former, 'replaced', emit);
      session.prefix = encode(protocol.messagePrefix(name));
      this.#roster.join(session, detach(name));
      this.#say(protocol.welcome(name));
      this.#tell({ type: 'joined', name, remote: session.remote });
    }
  }

  /** A line of a logged-in session that is no message. */
  #obey(session: Session, line: string, emit: Emit): void {
    const { text, quit } = answer(line, this.#roster, (input) => this.#harmless(input));
    this.#say(text);
    if (quit) this.#end(session, 'quit', emit);
  }

  #refuseName(
    session: Session,
    code: RefusalCode & ErrorCode,
    name: string,
    why: string,
    loggable = true,
  ): void {
    this.#say(protocol.error(code, this.#show(name), why));
    this.#tell({ type: 'refused', code, name: loggable ? name : undefined, remote: session.remote });
  }

  /** Refuses the connection as a whole. */
  #turnAway(session: Session, code: RefusalCode & EndReason, why: string, emit: Emit, detail?: string): void {
    this.#say(protocol.error(code, '', why));
    this.#tell({ type: 'refused', code, name: undefined, remote: session.remote, detail });
    this.#end(session, code, emit);
  }

  #end(session: Session, reason: EndReason, emit: Emit): void {
    this.#reply(session, emit);
    this.#roster.leave(session);
    emit({ to: session, bytes: NOTHING, count: 0, from: session, end: reason });
    session.dismiss(reason);
  }

  /** Says something to the session at work, in one delivery with what else there is to say before its next message. */
  #say(text: string): void {
    if (!this.#options.plain) this.#replies += text;
  }

  #reply(session: Session, emit: Emit): void {
    if (this.#replies === '') return;
    emit({ to: session, bytes: Buffer.from(this.#replies), count: 0, from: session, end: undefined });
    this.#replies = '';
  }

  #notConnected(name: string): string {
    return protocol.error('not-connected', this.#show(name), 'nobody of that name is here');
  }

  /** Input as an error line may repeat it. */
  #show(input: string): string {
    return abbreviate(this.#harmless(input));
  }

  #harmless(text: string): string {
    return this.#options.allowControlChars ? text : defang(text);
  }
}

/** The body of a message, and how to cut it out of a text. */
type Cut = (text: string, from: number, to: number) => string;

function assemble(prefix: string, text: string, bodies: readonly number[], cut: Cut): Buffer {
  // Twice as fast as joining an array: V8 notes what was added to what, and copies all of it once.
  let run = '';
  for (let index = 0; index < bodies.length; index += 2) {
    run += prefix + cut(text, bodies[index] ?? 0, bodies[index + 1] ?? 0);
  }
  return Buffer.from(run, 'latin1');
}

/** One-byte text up to its newline, which it keeps, trimmed of what white space ASCII text has. */
function trimmed(text: string, start: number, newline: number): string {
  let from = start;
  while (from < newline && isSpace(text.charCodeAt(from))) from += 1;
  let end = newline;
  while (end > from && isSpace(text.charCodeAt(end - 1))) end -= 1;
  return end === newline ? text.slice(from, newline + 1) : `${text.slice(from, end)}\n`;
}

/** A space, a tab, or the `\r` of a line end. */
function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x09 || code === 0x0d;
}
