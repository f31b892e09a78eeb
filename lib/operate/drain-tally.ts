import type { DrainReport, Loss } from '../model/server-events.ts';
import type { EndReason } from '../protocol/wire.ts';
import type { Session } from '../model/session.ts';

/** Keeps the open connections, and counts what a drain delivers and abandons. */
export class DrainTally {
  readonly #open = new Set<Session>();
  #began = 0;
  #sessions = 0;
  #delivered = 0;
  /** Messages delivered to each session before the drain began. */
  #deliveredBefore = new Map<Session, number>();
  #losses: Loss[] = [];

  /** Connections that are open, logged in or not. */
  get open(): ReadonlySet<Session> {
    return this.#open;
  }

  arrive(session: Session): void {
    this.#open.add(session);
  }

  depart(session: Session, reason: EndReason): void {
    this.#open.delete(session);
    // A session that is cut off un-counts what its peer did not get. Some of that may be from before the
    // drain.
    this.#delivered += Math.max(0, session.delivered - (this.#deliveredBefore.get(session) ?? 0));
    this.#deliveredBefore.delete(session);
    const { name, remote, abandoned } = session;
    if (abandoned > 0) this.#losses.push({ name, remote, reason, abandoned });
  }

  /** Begins the drain: the report counts from here on. */
  begin(): void {
    this.#began = performance.now();
    this.#sessions = this.#open.size;
    this.#losses = [];
    this.#delivered = 0;
    this.#deliveredBefore = new Map(Array.from(this.#open, (session) => [session, session.delivered]));
  }

  report(): DrainReport {
    return {
      sessions: this.#sessions,
      delivered: this.#delivered,
      abandoned: this.#losses.reduce((sum, { abandoned }) => sum + abandoned, 0),
      losses: this.#losses,
      milliseconds: Math.round(performance.now() - this.#began),
    };
  }
}
