import { HostCount } from './address.ts';
import { Lookalikes } from './lookalikes.ts';
import type { Session } from './session.ts';

/** Who is here. The broker owns it and nobody else looks. */
export class Roster {
  /** Changes whenever somebody gets or loses a name: what was looked up under another version may not hold. */
  version = 0;
  readonly #sessions = new Set<Session>();
  readonly #hosts = new HostCount();
  /** In the order of login. */
  readonly #named = new Map<string, Session>();
  readonly #lookalikes = new Lookalikes(this.#named);

  /** Connections, logged in or not. */
  get size(): number {
    return this.#sessions.size;
  }

  get names(): string[] {
    return [...this.#named.keys()];
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
    return this.#named.get(name);
  }

  /** Whether somebody is here whose name could be taken for this one, which is not the same. */
  hasLookalike(name: string): boolean {
    return this.#lookalikes.has(name);
  }

  /** Gives `session` its name, which must be free. */
  join(session: Session, name: string): void {
    session.name = name;
    this.#named.set(name, session);
    this.#lookalikes.add(name);
    this.version += 1;
  }

  /** Forgets `session` and frees its name. */
  leave(session: Session): void {
    this.#sessions.delete(session);
    this.#hosts.remove(session.address);
    if (session.name === undefined) return;
    this.#named.delete(session.name);
    this.#lookalikes.remove(session.name);
    this.version += 1;
  }
}
