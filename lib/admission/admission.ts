import {
  type MonoTypeOperatorFunction,
  Observable,
  type Subscriber,
  type Subscription,
  asapScheduler,
  map,
  mergeMap,
  observeOn,
  of,
  timer,
} from 'rxjs';
import { type Accounts, splitAccount } from './accounts.ts';
import { WrongLogins } from './wrong-logins.ts';
import { NEWLINE, detach } from '../model/bytes.ts';
import { forward } from '../model/forward.ts';
import type { Denial, SessionEvent, Verdict } from '../model/events.ts';
import { TaskLimit } from './task-limit.ts';
import type { Reloadable } from '../settings/reloadable.ts';
import { nameProblem, normalizeName } from '../protocol/names.ts';
import { isForeign } from '../protocol/wire.ts';
import type { Session } from '../model/session.ts';
import { forgetMatch, trim } from '../protocol/text.ts';

/** Passwords that are hashed at a time. Each takes 32 MiB and one of the four threads of libuv. */
const MAX_HASHING = 2;

/** Logins that may wait for their password to be hashed. */
const MAX_WAITING_LOGINS = 256;

/** ms from a wrong login to its answer. */
const DENIAL_DELAY_MS = 1000;

/** Wrong logins that end a connection. */
const MAX_WRONG_LOGINS = 3;

/** The denial of a login for which there is no room to wait. */
const BUSY: Denial = {
  code: 'server-full',
  why: 'too many logins at once, try again later',
  over: true,
  known: false,
};

/** The denial of a lookalike: such a guest could pose as the owner of an account, and keep the owner out. */
const POSING: Denial = {
  code: 'name-taken',
  why: 'it looks like the name of an account, try another',
  over: false,
  known: false,
};

/**
 * The stage between the readers and the broker, where there are accounts. It turns the lines of a session
 * without a name into `login` events with a verdict. A session is held while its password is checked, and its
 * later lines wait. Once the broker has let the session in, its events pass unchanged. No password goes
 * further than this stage.
 *
 * @param guests whether names without an account need no password
 */
export function admission(
  accounts: Reloadable<Accounts>,
  guests: boolean,
): (session: Session) => MonoTypeOperatorFunction<SessionEvent> {
  const gate = new Gate(accounts, guests);
  return (session) => (events$) =>
    new Observable((out) => {
      const login = new Login(session, gate, out);
      out.add(() => {
        login.leave();
      });
      const take = (event: SessionEvent) => {
        login.take(event);
      };
      const complete = () => {
        login.end();
      };
      out.add(events$.subscribe({ ...forward(out, take), complete }));
    });
}

/** The login of one session. */
class Login {
  readonly #session: Session;
  readonly #gate: Gate;
  readonly #out: Subscriber<SessionEvent>;
  /** Events that wait for the check to end. */
  #waiting: SessionEvent[] = [];
  #check: Subscription | undefined;
  #wrong = 0;
  /** Whether events are ignored, because the session is about to end. */
  #isOver = false;
  /** Whether the reader has completed. */
  #isInputOver = false;

  constructor(session: Session, gate: Gate, out: Subscriber<SessionEvent>) {
    this.#session = session;
    this.#gate = gate;
    this.#out = out;
  }

  /** Takes the next event of the reader. */
  take(event: SessionEvent): void {
    if (this.#session.name !== undefined || event.type === 'opened') {
      this.#out.next(event);
    } else if (event.type === 'ended' && event.reason !== 'eof') {
      this.leave();
      this.#out.next(event);
    } else if (!this.#isOver) {
      // The end of input waits too: a client that pipes a file has sent all of it by now.
      this.#waiting.push(event);
      this.#goOn();
    }
  }

  /** Takes the completion of the reader. It is passed on behind the events that wait. */
  end(): void {
    this.#isInputOver = true;
    this.#goOn();
  }

  /** Ignores all further events, and gives up a check that is under way. */
  leave(): void {
    this.#isOver = true;
    this.#waiting = [];
    this.#stopWaiting();
  }

  #goOn(): void {
    while (this.#check === undefined) {
      const event = this.#waiting.shift();
      if (event === undefined) {
        if (this.#isInputOver) this.#out.complete();
        return;
      }
      if (event.type !== 'lines' || this.#session.name !== undefined) this.#out.next(event);
      else this.#takeFirstLine(event.block);
    }
  }

  #takeFirstLine(block: Buffer): void {
    const session = this.#session;
    const end = block.indexOf(NEWLINE) + 1;
    if (end < block.length) this.#waiting.unshift({ type: 'lines', session, block: block.subarray(end) });
    const line = trim(block.toString('utf8', 0, end));
    if (line === '') return;
    const { name, rest } = splitAccount(line);
    if (isForeign(line)) {
      this.leave();
      this.#out.next({ type: 'login', session, line, verdict: this.#gate.unjudged(name) });
    } else if (nameProblem(name) !== undefined || !mayBe(session, name)) {
      this.#out.next({ type: 'login', session, line: name, verdict: this.#gate.unjudged(name) });
    } else {
      this.#judge(detach(name), rest === undefined ? undefined : trim(rest));
    }
    forgetMatch();
  }

  #judge(name: string, password: string | undefined): void {
    const session = this.#session;
    const last = this.#wrong + 1 >= MAX_WRONG_LOGINS;
    session.hold();
    this.#check = this.#gate.judge(session.address, name, password, last).subscribe({
      next: (verdict) => {
        this.#stopWaiting();
        if (typeof verdict === 'object') {
          if (verdict.code === 'auth-failed') this.#wrong += 1;
          if (verdict.over) this.leave();
        }
        this.#out.next({ type: 'login', session, line: name, verdict });
        this.#goOn();
      },
      error: (failure: unknown) => {
        this.#out.error(failure);
      },
    });
  }

  #stopWaiting(): void {
    if (this.#check === undefined) return;
    this.#check.unsubscribe();
    this.#check = undefined;
    this.#session.release();
  }
}

/** Judges logins for all sessions: by the accounts, within the bounds on wrong and waiting logins. */
class Gate {
  readonly #accounts: Reloadable<Accounts>;
  readonly #guests: boolean;
  readonly #hashing = new TaskLimit(MAX_HASHING, MAX_WAITING_LOGINS);
  readonly #wrongLogins = new WrongLogins();

  constructor(accounts: Reloadable<Accounts>, guests: boolean) {
    this.#accounts = accounts;
    this.#guests = guests;
  }

  /**
   * The verdict on a line that is no login, or not for the name of the certificate. The broker refuses it.
   */
  unjudged(name: string): Denial {
    const known = this.#accounts.value.has(name);
    return { code: 'auth-failed', why: 'this is no login', over: false, known };
  }

  /**
   * Emits one verdict, later than the call.
   *
   * @param last whether a wrong login ends the connection
   */
  judge(
    address: string | undefined,
    name: string,
    password: string | undefined,
    last: boolean,
  ): Observable<Verdict> {
    const deny = (why: string, over: boolean) =>
      timer(DENIAL_DELAY_MS).pipe(
        map((): Denial => ({ code: 'auth-failed', why, over, known: this.#accounts.value.has(name) })),
      );
    if (password === undefined) {
      const accounts = this.#accounts.value;
      if (this.#guests && !accounts.has(name)) return soon(accounts.hasLookalike(name) ? POSING : 'guest');
      this.#wrongLogins.note(address);
      return deny('log in with <name>:<password>', last);
    }
    const exhausted = () => deny('too many wrong logins from your address, try again later', true);
    if (this.#wrongLogins.exhausted(address)) return exhausted();
    if (this.#hashing.full) return soon(BUSY);
    const check = async () => {
      // Other logins from this address may have been wrong while this one waited.
      if (this.#wrongLogins.exhausted(address)) return undefined;
      const right = await this.#accounts.value.check(name, password);
      // It is counted before the answer, for which a client need not wait.
      if (!right) this.#wrongLogins.note(address);
      return right;
    };
    return this.#hashing.run(check).pipe(
      mergeMap((right) => {
        if (right === undefined) return exhausted();
        return right ? of<Verdict>('owner') : deny('wrong name or password', last);
      }),
    );
  }
}

/** Whether the certificate of the session, if there is one, allows that name. */
function mayBe({ certified }: Session, name: string): boolean {
  return certified === undefined || normalizeName(certified) === name;
}

/** Emits later than the call, in the same turn of the event loop. */
function soon(verdict: Verdict): Observable<Verdict> {
  return of(verdict).pipe(observeOn(asapScheduler));
}
