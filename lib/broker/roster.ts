import { HostCount } from '../protocol/address.ts';
import { Lookalikes } from '../protocol/lookalikes.ts';
import { who } from '../protocol/wire.ts';
import type { Session } from '../model/session.ts';

/**
 * The place of a name as long as one session has it. Routes remember seats: one that its session has left is
 * empty, and keeps nothing of that in memory.
 */
export interface Seat {
  readonly session: Session | undefined;
}

/** Places for counts of logins: enough that two names seldom share one. */
const LOGIN_COUNTS = 4096;

/** Who is here. The broker owns it and nobody else looks. */
export class Roster {
  readonly #sessions = new Set<Session>();
  readonly #hosts = new HostCount();
  /** In the order of login. */
  readonly #named = new Map<string, { session: Session | undefined }>();
  readonly #lookalikes = new Lookalikes(this.#named);
  /** Logins of the names that fall on each place. */
  readonly #logins = new Uint32Array(LOGIN_COUNTS);
  /** What `/who` is told, as long as nobody comes or goes. */
  #who: string | undefined;

  /** Connections, logged in or not. */
  get size(): number {
    return this.#sessions.size;
  }

  /**
   * A number that grows with each login of one of those names: who was missing before may be here after it.
   * Rarely it grows with the login of another name.
   */
  loginsOf(names: readonly string[]): number {
    let logins = 0;
    for (const name of names) logins += this.#logins[placeOf(name)] ?? 0;
    return logins;
  }

  /** The answer to `/who`, in a line of at most `limit` bytes, which is the same with each call. */
  tellWho(limit: number): string {
    return (this.#who ??= who(this.#named.size, this.#named.keys(), limit));
  }

  /** Sessions of the host at that address; a connection without one is of no host. */
  sessionsFrom(address: string | undefined): number {
    return this.#hosts.of(address);
  }

  admit(session: Session): void {
    this.#sessions.add(session);
    this.#hosts.add(session.address);
  }

  has(session: Session): boolean {
    return this.#sessions.has(session);
  }

  find(name: string): Session | undefined {
    return this.#named.get(name)?.session;
  }

  /** The seat of who has that name. */
  seatOf(name: string): Seat | undefined {
    return this.#named.get(name);
  }

  /** Whether somebody is here whose name could be taken for this one, which is not the same. */
  hasLookalike(name: string): boolean {
    return this.#lookalikes.has(name);
  }

  /** Gives `session` its name, which must be free. */
  join(session: Session, name: string): void {
    session.name = name;
    this.#named.set(name, { session });
    this.#lookalikes.add(name);
    const place = placeOf(name);
    this.#logins[place] = (this.#logins[place] ?? 0) + 1;
    this.#who = undefined;
  }

  /** Forgets `session` and frees its name. */
  leave(session: Session): void {
    this.#sessions.delete(session);
    this.#hosts.remove(session.address);
    const { name } = session;
    const seat = name === undefined ? undefined : this.#named.get(name);
    if (name === undefined || seat === undefined) return;
    seat.session = undefined;
    this.#named.delete(name);
    this.#lookalikes.remove(name);
    this.#who = undefined;
  }
}

/** Where logins of that name are counted. */
function placeOf(name: string): number {
  let hash = 0;
  for (let index = 0; index < name.length; index += 1) hash = (31 * hash + name.charCodeAt(index)) | 0;
  return (hash >>> 0) % LOGIN_COUNTS;
}
