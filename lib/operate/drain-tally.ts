import type { DrainReport, Loss } from '../model/server-events.ts';
import type { EndReason } from '../protocol/wire.ts';
import type { Session } from '../model/session.ts';

/** The connections that are open, and how the drain goes that ends them. */
export class DrainTally {
  readonly #open = new Set<Session>();
  #began = 0;
  #sessions = 0;
  #delivered = 0;
  /** What each had got before the drain began. */
  #before = new Map<Session, number>();
  #losses: Loss[] = [];

  get open(): ReadonlySet<Session> {
    return this.#open;
  }

  arrive(session: Session): void {
    this.#open.add(session);
  }

  depart(session: Session, reason: EndReason): void {
    this.#open.delete(session);
    // A session that is cut off takes back what its peer did not get, from before the drain as well.
    this.#delivered += Math.max(0, session.delivered - (this.#before.get(session) ?? 0));
    this.#before.delete(session);
    const { name, remote, abandoned } = session;
    if (abandoned > 0) this.#losses.push({ name, remote, reason, abandoned });
  }

  /** From here on the report counts. */
  begin(): void {
    this.#began = performance.now();
    this.#sessions = this.#open.size;
    this.#losses = [];
    this.#delivered = 0;
    this.#before = new Map(Array.from(this.#open, (session) => [session, session.delivered]));
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
