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

/** Passwords that are hashed at a time: half of libuv's threads, and 32 MiB each. */
const RUNNING = 2;

/** Logins that may wait for that. */
const WAITING = 256;

/** ms from a wrong login to its answer. */
const DELAY = 1000;

/** Wrong logins that a connection has. */
const TRIES = 3;

const BUSY: Denial = {
  code: 'server-full',
  why: 'too many logins at once, try again later',
  over: true,
  known: false,
};

/** Else a guest could pose as an account, and keep it out besides. */
const POSING: Denial = {
  code: 'name-taken',
  why: 'it looks like the name of an account, try another',
  over: false,
  known: false,
};

/**
 * Stands between a session's reader and the broker, and turns the lines of a session without a name into
 * `login` events with a verdict. The session is held while its password is hashed, and what it said behind
 * that line waits; once the broker has let it in, all passes as it comes. A password goes no further than
 * this.
 *
 * @param guests whether names that have no account come in without a password
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
  /** Said, and not looked at yet. */
  #waiting: SessionEvent[] = [];
  #check: Subscription | undefined;
  #wrong = 0;
  /** Nothing more is listened to: the session is about to end. */
  #over = false;
  #ended = false;

  constructor(session: Session, gate: Gate, out: Subscriber<SessionEvent>) {
    this.#session = session;
    this.#gate = gate;
    this.#out = out;
  }

  take(event: SessionEvent): void {
    if (this.#session.name !== undefined || event.type === 'opened') {
      this.#out.next(event);
    } else if (event.type === 'ended' && event.reason !== 'eof') {
      this.leave();
      this.#out.next(event);
    } else if (!this.#over) {
      // The end of input too: whoever pipes a file has said all of it by now.
      this.#waiting.push(event);
      this.#goOn();
    }
  }

  /** Completes when all that was said is through. */
  end(): void {
    this.#ended = true;
    this.#goOn();
  }

  /** Gives up a check that is under way. */
  leave(): void {
    this.#over = true;
    this.#waiting = [];
    this.#stopWaiting();
  }

  #goOn(): void {
    while (this.#check === undefined) {
      const event = this.#waiting.shift();
      if (event === undefined) {
        if (this.#ended) this.#out.complete();
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
    const last = this.#wrong + 1 >= TRIES;
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

/** What all sessions share: the accounts, and the bounds of trying them. */
class Gate {
  readonly #accounts: Reloadable<Accounts>;
  readonly #guests: boolean;
  readonly #hashing = new TaskLimit(RUNNING, WAITING);
  readonly #wrongLogins = new WrongLogins();

  constructor(accounts: Reloadable<Accounts>, guests: boolean) {
    this.#accounts = accounts;
    this.#guests = guests;
  }

  /** For what is no login, or not the one of its certificate: the broker knows better what to say of it. */
  unjudged(name: string): Denial {
    const known = this.#accounts.value.has(name);
    return { code: 'auth-failed', why: 'this is no login', over: false, known };
  }

  /**
   * Emits once, later than the call.
   *
   * @param last whether a wrong login is to be the last of its connection
   */
  judge(
    address: string | undefined,
    name: string,
    password: string | undefined,
    last: boolean,
  ): Observable<Verdict> {
    const deny = (why: string, over: boolean) =>
      timer(DELAY).pipe(
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
      // Many may have been wrong while this one waited.
      if (this.#wrongLogins.exhausted(address)) return undefined;
      const right = await this.#accounts.value.check(name, password);
      // Counted here, because whoever hangs up does not wait for the answer.
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

/** Whether the session may have that name, as far as its certificate goes. */
function mayBe({ certified }: Session, name: string): boolean {
  return certified === undefined || normalizeName(certified) === name;
}

function soon(verdict: Verdict): Observable<Verdict> {
  return of(verdict).pipe(observeOn(asapScheduler));
}
