import type { RefusalCode, ServerEvent } from '../model/server-events.ts';
import { Latency } from '../model/latency.ts';
import type { EndReason } from '../protocol/wire.ts';
import type { Session } from '../model/session.ts';

/** Sums over all sessions, with those that ended. They only grow. */
export interface Totals {
  /** Message lines taken. */
  readonly accepted: number;
  /** Messages handed to the operating system. */
  readonly delivered: number;
  /** Bytes read from the peers. */
  readonly bytesRead: number;
  /** Bytes written to the peers. */
  readonly bytesWritten: number;
  /** Seconds in which sessions were held: not read, so that they send no more than others take. */
  readonly held: number;
}

/** The sums and states of a server at one moment. */
export interface Reading extends Totals {
  /** Connections that are open. */
  readonly connected: number;
  /** Open connections that have logged in. */
  readonly loggedIn: number;
  /** Bytes that wait for recipients. */
  readonly pending: number;
}

const NOTHING: Totals = { accepted: 0, delivered: 0, bytesRead: 0, bytesWritten: 0, held: 0 };

/**
 * Counts what a server does, for its operator; `chatServer` fills the meter that it is given. The sessions
 * keep their counts anyway, and reading the meter sums them up. So a message costs nothing more.
 */
export class Meter {
  /**
   * Time from the reading of a message to its writing.
   * @internal
   */
  readonly latency = new Latency();
  /** Refused logins and connections, by code. */
  readonly refusals = new Map<RefusalCode, number>();
  /** Ended sessions, by reason. */
  readonly endings = new Map<EndReason, number>();
  /** Messages that were not delivered, by the reason that the session of their recipient ended. */
  readonly abandoned = new Map<EndReason, number>();
  /** What the log of the program lost. A server that is part of another program has no such log. */
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
  /** Sums of the sessions that ended. */
  #gone = NOTHING;
  /**
   * The last reading. A session that is cut off un-counts what its peer did not get; a counter must not sink.
   */
  #last = NOTHING;

  /** Accepted logins. */
  get logins(): number {
    return this.#logins;
  }

  /** Sessions that a bug ended. */
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

  /** Seconds that the drain has taken, so far or in all; 0 before it. */
  get drain(): number {
    if (this.#drain === undefined) return 0;
    const { began, ended = performance.now() } = this.#drain;
    return (ended - began) / 1000;
  }

  /** Sums up all sessions. */
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
   * Connects the meter to a server: both arguments are read at each reading. The result disconnects it. A
   * meter that is connected already throws a `RangeError`.
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
   * Takes over the counts of a session that is not open any more.
   * @internal
   */
  depart(session: Session): void {
    this.#gone = sum(this.#gone, session);
  }

  /**
   * Counts an event of the server.
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
