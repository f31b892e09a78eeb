import { detach } from '../model/bytes.ts';
import type { Verdict } from '../model/events.ts';
import { nameProblem, normalizeName } from '../protocol/names.ts';
import * as protocol from '../protocol/wire.ts';
import type { EndReason, ErrorCode } from '../protocol/wire.ts';
import type { RefusalCode, ServerEvent } from '../model/server-events.ts';
import type { Replies } from './replies.ts';
import type { Roster } from './roster.ts';
import type { Router } from './router.ts';
import type { Session } from '../model/session.ts';
import { abbreviate } from '../protocol/text.ts';

export interface LoginOptions {
  /** Connections at a time; one more is refused. */
  readonly maxConnections: number;
  /** Connections of one address; 0 for any number. */
  readonly maxConnectionsPerAddress: number;
  /** ms from the connection to the login; named in the error about it. */
  readonly loginTimeout: number;
}

/** Refused logins of a connection, of which the last ends it: each is a line of the log. */
const MAX_REFUSED_LOGINS = 100;

/** Why a login is refused. */
interface Refusal {
  readonly code: RefusalCode & ErrorCode & EndReason;
  readonly why: string;
  /** Whether the connection is to end; if not given it may try again. */
  readonly over?: boolean;
  /** Whether the name is for the log, as it is if not given. */
  readonly known?: boolean;
}

/** Who comes, takes a name, and goes. */
export class Logins {
  readonly #options: LoginOptions;
  readonly #roster: Roster;
  readonly #router: Router;
  readonly #harmless: (text: string) => string;
  readonly #tell: (event: ServerEvent) => void;

  /** @param harmless makes input with control characters fit to be shown */
  constructor(
    options: LoginOptions,
    roster: Roster,
    router: Router,
    harmless: (text: string) => string,
    tell: (event: ServerEvent) => void,
  ) {
    this.#options = options;
    this.#roster = roster;
    this.#router = router;
    this.#harmless = harmless;
    this.#tell = tell;
  }

  /** A connection has come. */
  open(replies: Replies): void {
    const { session } = replies;
    const { maxConnections, maxConnectionsPerAddress: perAddress } = this.#options;
    this.#roster.admit(session);
    replies.open();
    if (this.#roster.size > maxConnections) {
      this.#turnAway('server-full', 'try again later', replies);
    } else if (perAddress > 0 && this.#roster.sessionsFrom(session.address) > perAddress) {
      this.#turnAway('too-many-connections', `one address may have ${perAddress} at a time`, replies);
    } else if (session.certificate !== undefined && 'flaw' in session.certificate) {
      const { flaw } = session.certificate;
      const why = `a certificate is needed that holds here: ${flaw}`;
      this.#turnAway('certificate-refused', why, replies, flaw);
    }
  }

  /** Gives the session at work the name that stands in `line`, or says why not. */
  take(line: string, verdict: Verdict, replies: Replies): void {
    if (protocol.isForeign(line)) {
      this.dismiss('not-chat', replies);
      return;
    }
    const { session } = replies;
    const name = normalizeName(line);
    const refusal = this.#refusalOf(session, name, verdict);
    if (refusal !== undefined) {
      this.#refuse(name, refusal, replies);
      return;
    }
    const former = this.#roster.find(name);
    if (former !== undefined) this.end(former, 'replaced', replies);
    this.#roster.join(session, detach(name));
    replies.say(protocol.welcome(name));
    this.#tell({ type: 'joined', name, remote: session.remote });
  }

  /** Ends the session at work, as its reader says. */
  dismiss(reason: EndReason, replies: Replies): void {
    if (reason === 'login-timeout') {
      const seconds = this.#options.loginTimeout / 1000;
      this.#turnAway(reason, `no name came within ${seconds} s`, replies);
    } else if (reason === 'not-chat') {
      this.#turnAway(reason, 'this is a chat in plain text', replies);
    } else {
      this.end(replies.session, reason, replies);
    }
  }

  /** Ends any session: its last delivery goes out, and its reader stops. */
  end(session: Session, reason: EndReason, replies: Replies): void {
    this.#roster.leave(session);
    this.#router.forget(session);
    replies.end(session, reason);
    session.conclude();
    session.dismiss(reason);
  }

  /** Why the session may not have that name; `undefined` where it may. */
  #refusalOf({ certified }: Session, name: string, verdict: Verdict): Refusal | undefined {
    const problem = nameProblem(name);
    // What is no name may be anything, a message to somebody included: it is not for the log.
    if (problem !== undefined) return { code: 'name-invalid', why: problem, known: false };
    if (certified !== undefined && normalizeName(certified) !== name) {
      const known = typeof verdict !== 'object' || verdict.known;
      return { code: 'not-certified', why: `your certificate is for ${this.#show(certified)}`, known };
    }
    if (typeof verdict === 'object') return verdict;
    const isTaken = this.#roster.find(name) !== undefined;
    if (isTaken && verdict === 'guest')
      return { code: 'name-taken', why: 'somebody of that name is here, try another' };
    if (!isTaken && this.#roster.hasLookalike(name))
      return { code: 'name-taken', why: 'it looks like the name of somebody here, try another' };
    return undefined;
  }

  #refuse(name: string, { code, why, over, known }: Refusal, replies: Replies): void {
    const { session } = replies;
    session.refused += 1;
    replies.say(protocol.error(code, this.#show(name), why));
    this.#tell({ type: 'refused', code, name: known === false ? undefined : name, remote: session.remote });
    if (over === true || session.refused === MAX_REFUSED_LOGINS) this.end(session, code, replies);
  }

  /** Refuses the connection as a whole. */
  #turnAway(code: RefusalCode & EndReason, why: string, replies: Replies, detail?: string): void {
    const { session } = replies;
    replies.say(protocol.error(code, '', why));
    this.#tell({ type: 'refused', code, name: undefined, remote: session.remote, detail });
    this.end(session, code, replies);
  }

  #show(input: string): string {
    return abbreviate(this.#harmless(input));
  }
}
