import type { OperatorFunction } from 'rxjs';
import { COLON, NEWLINE, apart, copy, isBlank, isPlain, standsAt } from './bytes.ts';
import { answer } from './commands.ts';
import type { Delivery, RefusalCode, ServerEvent, SessionEvent, Verdict } from './events.ts';
import { nameProblem, normalizeName } from './names.ts';
import * as protocol from './protocol.ts';
import type { EndReason, ErrorCode } from './protocol.ts';
import { Roster } from './roster.ts';
import { scatter } from './scatter.ts';
import type { Session } from './session.ts';
import { abbreviate, defang, detach, trim } from './text.ts';

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
  readonly head: Buffer;
  /** What stands before the text of each message from its sender. */
  readonly prefix: Buffer;
  readonly version: number;
  readonly to: readonly Session[];
  /** Destinations that nobody here answers to. */
  readonly missing: readonly string[];
}

const NOTHING = Buffer.alloc(0);
const LINE_END = Buffer.of(NEWLINE);

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
 * The operator between what sessions say and what they are to hear. It alone knows who is here, so it alone can tell a
 * login from a message; it logs sessions in and out, makes out messages to their recipients, and answers.
 *
 * The first delivery to a session, empty, comes with its opening, and opens its group downstream; one with an `end` is
 * the last, and the group is concluded with it.
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

  /** Takes whole lines, as far as the session lives. */
  #takeLines(session: Session, block: Buffer, emit: Emit): void {
    for (let at = 0; at < block.length && this.#roster.has(session);) {
      if (session.name !== undefined) {
        const route = this.#routeAt(session, session.name, block, at);
        if (route !== undefined) {
          at = this.#post(session, route, block, at, emit);
          continue;
        }
      }
      const newline = block.indexOf(NEWLINE, at);
      const line = trim(block.toString('utf8', at, newline));
      at = newline + 1;
      if (line === '') continue;
      if (session.name === undefined) this.#login(session, line, 'guest', emit);
      else this.#obey(session, line, emit);
    }
  }

  /** The route of the message line that begins at `at`; `undefined` where it is no message. */
  #routeAt(session: Session, sender: string, block: Buffer, at: number): Route | undefined {
    const last = this.#routes.get(session);
    if (last?.version === this.#roster.version && standsAt(block, at, last.head)) return last;

    // Within the line alone: looking on to the end of the block, line after line, would be quadratic.
    const colon = block.subarray(at, block.indexOf(NEWLINE, at)).indexOf(COLON);
    if (colon < 0) return undefined;
    const list = trim(block.toString('utf8', at, at + colon));
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
    const route = {
      head: apart(block.subarray(at, at + colon + 1)),
      prefix: apart(Buffer.from(protocol.messagePrefix(sender))),
      version: this.#roster.version,
      // Copies, because they have no spare room.
      to: to.slice(),
      missing: missing.slice(),
    };
    this.#routes.set(session, route);
    return route;
  }

  /**
   * Takes the message lines from `at` on that have the same destination list, as one delivery for each recipient.
   * Returns where they end.
   */
  #post(session: Session, route: Route, block: Buffer, at: number, emit: Emit): number {
    const { head, prefix, to, missing } = route;
    // Where some are here and some are not, each line is a run of its own: its error is to follow its message.
    const oneByOne = missing.length > 0 && to.length > 0;
    const bodies: number[] = [];
    let end = at;
    do {
      const newline = block.indexOf(NEWLINE, end);
      let from = end + head.length;
      let until = newline;
      while (from < until && isBlank(block[from])) from += 1;
      while (until > from && isBlank(block[until - 1])) until -= 1;
      bodies.push(from, until);
      end = newline + 1;
    } while (!oneByOne && standsAt(block, end, head));
    const count = bodies.length / 2;

    session.accepted += count;
    if (to.length > 0) {
      this.#reply(session, emit);
      const bytes = this.#wire(prefix, block, bodies);
      const payload = { bytes, count, from: session, end: undefined };
      for (const recipient of to) {
        recipient.routed += count;
        emit({ to: recipient, payload });
      }
    }
    if (missing.length > 0) {
      const errors = missing.map((name) => this.#notConnected(name)).join('');
      this.#say(errors.repeat(count));
    }
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
    const { text, quit } = answer(line, this.#roster, (input) => this.#harmless(input));
    this.#say(text);
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
    emit({ to: session, payload: { bytes: NOTHING, count: 0, from: session, end: reason } });
    session.conclude();
    session.dismiss(reason);
  }

  /** Says something to the session at work, in one delivery with what else there is to say before its next message. */
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
