import type { RefusalCode, ServerEvent } from '../model/server-events.ts';
import { Latency } from '../model/latency.ts';
import type { EndReason } from '../protocol/wire.ts';
import type { Session } from '../model/session.ts';

/** Sums over all sessions, those that ended included. They only grow. */
export interface Totals {
  /** Message lines taken. */
  readonly accepted: number;
  /** Messages handed to the operating system. */
  readonly delivered: number;
  /** From the peers. */
  readonly bytesRead: number;
  /** To the peers. */
  readonly bytesWritten: number;
  /** Seconds in which sessions were not read, so that they do not send more than others take. */
  readonly held: number;
}

/** How it stands now. */
export interface Reading extends Totals {
  /** Connections that are open. */
  readonly connected: number;
  /** Of those, the ones that have a name. */
  readonly loggedIn: number;
  /** Bytes that wait for recipients. */
  readonly pending: number;
}

const NOTHING: Totals = { accepted: 0, delivered: 0, bytesRead: 0, bytesWritten: 0, held: 0 };

/**
 * What a server counts for its operator; `chatServer` fills the one that it is given. The sessions keep their
 * counts anyway, so that these are summed up by whoever reads the meter, and a message costs nothing more.
 */
export class Meter {
  /**
   * From a message's line being read to its being written.
   * @internal
   */
  readonly latency = new Latency();
  /** Logins and connections that were refused, by why. */
  readonly refusals = new Map<RefusalCode, number>();
  /** Sessions that ended, by why. */
  readonly endings = new Map<EndReason, number>();
  /** Messages that these did not get, by why they ended. */
  readonly abandoned = new Map<EndReason, number>();
  /** What the program's log has lost; nothing where the server is part of another program. */
  readonly log = {
    /** Lines that were dropped. */
    dropped: 0,
    /** Writes that failed. */
    failures: 0,
  };
  #logins = 0;
  #bugs = 0;
  #attached = false;
  #maxConnections = 0;
  #drain: { readonly began: number; ended: number | undefined } | undefined;
  #open: ReadonlySet<Session> = new Set();
  #pending = { bytes: 0 };
  /** Of the sessions that ended. */
  #gone = NOTHING;
  /** As last read: a session that is cut off takes back what its peer did not get, and a counter cannot. */
  #last = NOTHING;

  /** Logins so far. */
  get logins(): number {
    return this.#logins;
  }

  /** Sessions that ended because the server failed while it served them. */
  get bugs(): number {
    return this.#bugs;
  }

  /** Connections that there is room for. */
  get maxConnections(): number {
    return this.#maxConnections;
  }

  /** Whether a drain began. */
  get draining(): boolean {
    return this.#drain !== undefined;
  }

  /** Seconds that the drain took, so far or in all; 0 before it. */
  get drain(): number {
    if (this.#drain === undefined) return 0;
    const { began, ended = performance.now() } = this.#drain;
    return (ended - began) / 1000;
  }

  /** Sums up how it stands now. */
  read(): Reading {
    let sums = this.#gone;
    let loggedIn = 0;
    for (const session of this.#open) {
      sums = sum(sums, session);
      if (session.name !== undefined) loggedIn += 1;
    }
    this.#last = greatest(this.#last, sums);
    return { ...this.#last, connected: this.#open.size, loggedIn, pending: this.#pending.bytes };
  }

  /**
   * For the server: where the meter is to look, live. The answer ends that.
   *
   * @internal
   */
  attach(open: ReadonlySet<Session>, pending: { readonly bytes: number }): () => void {
    if (this.#attached) throw new RangeError('a meter counts for one server at a time');
    this.#attached = true;
    this.#open = open;
    this.#pending = pending;
    this.#drain = undefined;
    return () => {
      this.#attached = false;
    };
  }

  /**
   * For the server: a session is not among the open ones any more.
   * @internal
   */
  depart(session: Session): void {
    this.#gone = sum(this.#gone, session);
  }

  /**
   * For the server: something happened.
   * @internal
   */
  observe(event: ServerEvent): void {
    switch (event.type) {
      case 'listening':
        this.#maxConnections = event.maxConnections;
        break;
      case 'joined':
        this.#logins += 1;
        break;
      case 'refused':
        add(this.refusals, event.code, 1);
        break;
      case 'left':
        add(this.endings, event.reason, 1);
        add(this.abandoned, event.reason, event.abandoned);
        break;
      case 'bug':
        this.#bugs += 1;
        break;
      case 'draining':
        this.#drain = { began: performance.now(), ended: undefined };
        break;
      case 'drained':
        if (this.#drain !== undefined) this.#drain.ended = performance.now();
        break;
      case 'failing':
      case 'doubtful':
      case 'reloaded':
      case 'reload-failed':
        break;
      default:
        event satisfies never;
    }
  }
}

function sum(sums: Totals, { accepted, delivered, heldFor, socket }: Session): Totals {
  const { bytesRead = 0, bytesWritten = 0 } = socket as { bytesRead?: number; bytesWritten?: number };
  return {
    accepted: sums.accepted + accepted,
    delivered: sums.delivered + delivered,
    bytesRead: sums.bytesRead + bytesRead,
    bytesWritten: sums.bytesWritten + bytesWritten,
    held: sums.held + heldFor / 1000,
  };
}

function greatest(one: Totals, other: Totals): Totals {
  return {
    accepted: Math.max(one.accepted, other.accepted),
    delivered: Math.max(one.delivered, other.delivered),
    bytesRead: Math.max(one.bytesRead, other.bytesRead),
    bytesWritten: Math.max(one.bytesWritten, other.bytesWritten),
    held: Math.max(one.held, other.held),
  };
}

function add<K>(counts: Map<K, number>, key: K, count: number): void {
  counts.set(key, (counts.get(key) ?? 0) + count);
}
