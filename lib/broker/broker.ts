import type { OperatorFunction } from 'rxjs';
import { COLON, NEWLINE, apart, copy, detach, isBlank, isPlain, standsAt } from '../model/bytes.ts';
import { answer } from './commands.ts';
import type { Delivery, SessionEvent, Verdict } from '../model/events.ts';
import type { RefusalCode, ServerEvent } from '../model/server-events.ts';
import { nameProblem, normalizeName } from '../protocol/names.ts';
import * as protocol from '../protocol/wire.ts';
import type { EndReason, ErrorCode } from '../protocol/wire.ts';
import { Roster, type Seat } from './roster.ts';
import { Routes } from './routes.ts';
import { emitEach } from './emit-each.ts';
import type { Session } from '../model/session.ts';
import { abbreviate, defang, trim } from '../protocol/text.ts';

export interface BrokerOptions {
  /** Connections at a time; one more is refused. */
  readonly maxConnections: number;
  /** Of one address; 0 for any number. */
  readonly maxConnectionsPerAddress: number;
  /** Named in the errors about them: bytes, and ms. */
  readonly maxLine: number;
  readonly loginTimeout: number;
  /** Destinations of one line; one that has more is refused. */
  readonly maxRecipients: number;
  /** Says nothing but `from` lines. */
  readonly plain: boolean;
  /** Passes control characters on instead of showing stand-ins. */
  readonly allowControlChars: boolean;
}

type Emit = (delivery: Delivery) => void;

/** Whom a destination list means. */
interface Route {
  /** The list as it was written, with its colon. */
  readonly head: Buffer;
  /** What stands before the text of each message from its sender. */
  readonly prefix: Buffer;
  readonly to: readonly Seat[];
  /** Destinations that nobody here answers to. */
  readonly missing: readonly string[];
  /** Logins that there had been when it was made: each may be that of somebody who is missing. */
  readonly logins: number;
}

/** The beginning of a message line, or that it is a message which nobody is to get. */
type Beginning = Route | 'too-many-recipients';

const NOTHING = Buffer.alloc(0);
const LINE_END = Buffer.of(NEWLINE);

/**
 * Work for one session at a time, until its other lines are given back. A unit takes about a microsecond: a
 * line, a destination, a delivery, or a number of bytes.
 */
const WORK_AT_A_TIME = 4096;

/** Bytes that are a unit of work. */
const BYTES_OF_WORK = 64;

/** Bytes of lines that become one delivery: their sender may have to be held after it. */
const RUN_BYTES = 128 * 1024;

/** Characters of replies that become one delivery. */
const REPLY_CHARACTERS = 16 * 1024;

/** Bytes of memory that a destination takes in a route, about. */
const ENTRY_BYTES = 32;

/** Refused logins that a connection has: each is a line of the log, so there is to be an end of them. */
const TRIES = 100;

/** What is said of a login that is refused. */
interface Refusal {
  readonly code: RefusalCode & ErrorCode & EndReason;
  readonly why: string;
  /** Whether the connection is to end; if not given it may try again. */
  readonly over?: boolean;
  /** Whether the name is for the log, as it is if not given. */
  readonly known?: boolean;
}

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
    const desk = new Broker(options, tell);
    return events$.pipe(
      emitEach((event, emit) => {
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
  readonly #routes = new Routes<Session, Route>();
  /** Lines for the session at work. */
  #replies = '';
  /** What was done for the session at work. */
  #work = 0;

  constructor(options: BrokerOptions, tell: (event: ServerEvent) => void) {
    this.#options = options;
    this.#tell = tell;
  }

  /** What should not happen while a session is served ends that session alone. */
  handle(event: SessionEvent, emit: Emit): void {
    try {
      this.#serve(event, emit);
    } catch (failure) {
      this.#surprise(event.session, failure, emit);
    }
  }

  #serve(event: SessionEvent, emit: Emit): void {
    const { session } = event;
    if (event.type === 'opened') {
      this.#admit(session, emit);
      return;
    }
    // What a session says after its end has no effect: its peer was told.
    if (!this.#roster.has(session)) return;
    switch (event.type) {
      case 'lines':
        this.#takeLines(session, event.block, emit);
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

  #surprise(session: Session, failure: unknown, emit: Emit): void {
    this.#replies = '';
    this.#tell({ type: 'bug', name: session.name, remote: session.remote, failure });
    if (this.#roster.has(session)) this.#end(session, 'internal-error', emit);
  }

  #admit(session: Session, emit: Emit): void {
    const { maxConnections, maxConnectionsPerAddress: perAddress } = this.#options;
    this.#roster.admit(session);
    emit({ to: session, payload: { bytes: NOTHING, count: 0, from: session, end: undefined } });
    if (this.#roster.size > maxConnections) {
      this.#turnAway(session, 'server-full', 'try again later', emit);
    } else if (perAddress > 0 && this.#roster.sessionsFrom(session.address) > perAddress) {
      const why = `one address may have ${perAddress} at a time`;
      this.#turnAway(session, 'too-many-connections', why, emit);
    } else if (session.certificate !== undefined && 'flaw' in session.certificate) {
      const { flaw } = session.certificate;
      this.#turnAway(
        session,
        'certificate-refused',
        `a certificate is needed that holds here: ${flaw}`,
        emit,
        flaw,
      );
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

  /**
   * Takes whole lines, as far as the session lives. At least one is taken; others are given back where their
   * session is held by now, or has used up its time.
   */
  #takeLines(session: Session, block: Buffer, emit: Emit): void {
    this.#work = 0;
    for (let at = 0; at < block.length && this.#roster.has(session);) {
      if (this.#work > 0 && (this.#work >= WORK_AT_A_TIME || session.held)) {
        this.#reply(session, emit);
        session.takeBack(block.subarray(at));
        return;
      }
      at = this.#takeLine(session, block, at, emit);
      if (this.#replies.length >= REPLY_CHARACTERS) this.#reply(session, emit);
    }
  }

  /** Takes the line that begins at `at`, and those behind it that go the same way. Returns where they end. */
  #takeLine(session: Session, block: Buffer, at: number, emit: Emit): number {
    this.#work += 1;
    const beginning =
      session.name === undefined ? undefined : this.#routeAt(session, session.name, block, at);
    if (typeof beginning === 'object') return this.#post(session, beginning, block, at, emit);
    const newline = block.indexOf(NEWLINE, at);
    if (beginning === 'too-many-recipients') {
      const limit = this.#options.maxRecipients;
      this.#say(protocol.error(beginning, String(limit), `a line has at most ${limit}; nobody got yours`));
      return newline + 1;
    }
    const line = trim(block.toString('utf8', at, newline));
    if (line === '') return newline + 1;
    if (session.name === undefined) this.#login(session, line, 'guest', emit);
    else this.#obey(session, line, emit);
    return newline + 1;
  }

  /** Where the message line goes that begins at `at`; `undefined` where it is no message. */
  #routeAt(session: Session, sender: string, block: Buffer, at: number): Beginning | undefined {
    const last = this.#routes.get(session);
    if (last !== undefined && standsAt(block, at, last.head) && this.#holds(last)) return last;

    // Within the line alone: looking on to the end of the block, line after line, would be quadratic.
    const colon = block.subarray(at, block.indexOf(NEWLINE, at)).indexOf(COLON);
    if (colon < 0) return undefined;
    const list = trim(block.toString('utf8', at, at + colon));
    if (list.startsWith('/')) return undefined;
    const written = new Set(list.split(',').map(trim));
    written.delete('');
    this.#work += written.size;
    if (written.size > this.#options.maxRecipients) return 'too-many-recipients';
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
      logins: this.#roster.logins,
    };
    this.#routes.set(session, route, route.head.length + ENTRY_BYTES * names.size);
    return route;
  }

  /** Whether the route means the same as when it was made. */
  #holds({ to, missing, logins }: Route): boolean {
    if (missing.length > 0 && logins !== this.#roster.logins) return false;
    for (const { session } of to) if (session === undefined) return false;
    return true;
  }

  /**
   * Takes the message lines from `at` on that have the same destination list, as one delivery for each
   * recipient. Returns where they end.
   */
  #post(session: Session, route: Route, block: Buffer, at: number, emit: Emit): number {
    const { head, prefix, to, missing } = route;
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

    this.#work += to.length + missing.length + Math.floor(size / BYTES_OF_WORK);
    session.accepted += count;
    if (to.length > 0) {
      this.#reply(session, emit);
      const bytes = this.#wire(prefix, block, bodies);
      const payload = { bytes, count, from: session, end: undefined };
      for (const { session: recipient } of to) {
        if (recipient === undefined) continue;
        recipient.routed += count;
        emit({ to: recipient, payload });
      }
    }
    if (missing.length > 0) this.#say(errors.repeat(count));
    return end;
  }

  /** The `from` lines of message texts, each given by where it begins and ends in `block`. */
  #wire(prefix: Buffer, block: Buffer, bodies: readonly number[]): Buffer {
    const wire = assemble(prefix, block, bodies);
    // Nearly always all is plain, so that is found out last, where it costs least.
    return isPlain(wire) ? wire : this.#carefulWire(prefix, block, bodies);
  }

  #carefulWire(prefix: Buffer, block: Buffer, bodies: readonly number[]): Buffer {
    const parts: Buffer[] = [];
    for (let index = 0; index < bodies.length; index += 2) {
      const body = block.subarray(bodies[index], bodies[index + 1]);
      parts.push(prefix, isPlain(body) ? body : Buffer.from(this.#harmless(trim(body.toString()))), LINE_END);
    }
    return Buffer.concat(parts);
  }

  #login(session: Session, line: string, verdict: Verdict, emit: Emit): void {
    if (protocol.isForeign(line)) {
      this.#turnAway(session, 'not-chat', 'this is a chat in plain text', emit);
      return;
    }
    const name = normalizeName(line);
    const problem = nameProblem(name);
    const former = this.#roster.find(name);
    const { certified } = session;
    const refuse = (refusal: Refusal) => {
      this.#refuseName(session, name, refusal, emit);
    };
    if (problem !== undefined) {
      // What is no name may be anything, a message to somebody included: it is not for the log.
      refuse({ code: 'name-invalid', why: problem, known: false });
    } else if (certified !== undefined && normalizeName(certified) !== name) {
      const known = typeof verdict !== 'object' || verdict.known;
      refuse({ code: 'not-certified', why: `your certificate is for ${this.#show(certified)}`, known });
    } else if (typeof verdict === 'object') {
      refuse(verdict);
    } else if (former !== undefined && verdict === 'guest') {
      refuse({ code: 'name-taken', why: 'somebody of that name is here, try another' });
    } else if (former === undefined && this.#roster.hasLookalike(name)) {
      refuse({ code: 'name-taken', why: 'it looks like the name of somebody here, try another' });
    } else {
      if (former !== undefined) this.#end(former, 'replaced', emit);
      this.#roster.join(session, detach(name));
      this.#say(protocol.welcome(name));
      this.#tell({ type: 'joined', name, remote: session.remote });
    }
  }

  /** A line of a logged-in session that is no message. */
  #obey(session: Session, line: string, emit: Emit): void {
    const { text, quit } = answer(line, this.#roster, this.#options.maxLine, (input) =>
      this.#harmless(input),
    );
    this.#say(text);
    this.#work += Math.floor(text.length / BYTES_OF_WORK);
    if (quit) this.#end(session, 'quit', emit);
  }

  #refuseName(session: Session, name: string, { code, why, over, known }: Refusal, emit: Emit): void {
    session.refused += 1;
    this.#say(protocol.error(code, this.#show(name), why));
    this.#tell({ type: 'refused', code, name: known === false ? undefined : name, remote: session.remote });
    if (over === true || session.refused === TRIES) this.#end(session, code, emit);
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
    this.#routes.delete(session);
    emit({ to: session, payload: { bytes: NOTHING, count: 0, from: session, end: reason } });
    session.conclude();
    session.dismiss(reason);
  }

  /**
   * Says something to the session at work, in one delivery with what else there is to say before its next
   * message.
   */
  #say(text: string): void {
    if (!this.#options.plain) this.#replies += text;
  }

  #reply(session: Session, emit: Emit): void {
    if (this.#replies === '') return;
    const bytes = Buffer.from(this.#replies);
    emit({ to: session, payload: { bytes, count: 0, from: session, end: undefined } });
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

/** `prefix`, body and newline for each body, which is given by where it begins and ends in `block`. */
function assemble(prefix: Buffer, block: Buffer, bodies: readonly number[]): Buffer {
  let size = (bodies.length / 2) * (prefix.length + 1);
  for (let index = 0; index < bodies.length; index += 2) {
    size += (bodies[index + 1] ?? 0) - (bodies[index] ?? 0);
  }
  const wire = Buffer.allocUnsafe(size);
  let at = 0;
  for (let index = 0; index < bodies.length; index += 2) {
    at = copy(prefix, 0, prefix.length, wire, at);
    at = copy(block, bodies[index] ?? 0, bodies[index + 1] ?? 0, wire, at);
    wire[at] = NEWLINE;
    at += 1;
  }
  return wire;
}
