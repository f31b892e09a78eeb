import type { EndReason } from '../protocol/wire.ts';
import type { Session } from './session.ts';

/** An event of a session, for the broker. Lines cross as blocks of all that one chunk completed. */
export type SessionEvent =
  | { readonly type: 'opened'; readonly session: Session }
  /** One or more whole lines, each with its newline, as they were read. */
  | { readonly type: 'lines'; readonly session: Session; readonly block: Buffer }
  /** The login line of a session without a name, where there are accounts. The password is cut off. */
  | { readonly type: 'login'; readonly session: Session; readonly line: string; readonly verdict: Verdict }
  /** A line over the limit, which was dropped. */
  | { readonly type: 'overlong'; readonly session: Session }
  | { readonly type: 'ended'; readonly session: Session; readonly reason: EndReason };

/** The verdict on a login: the name is proved by password, or free for guests, or denied. */
export type Verdict = 'owner' | 'guest' | Denial;

/** Why a login is denied. */
export interface Denial {
  readonly code: 'auth-failed' | 'name-taken' | 'server-full';
  readonly why: string;
  /** Whether the connection ends. */
  readonly over: boolean;
  /** Whether the name may be logged. A name without an account may be a password typed on the wrong line. */
  readonly known: boolean;
}

/** A payload for one recipient. */
export interface Delivery {
  readonly to: Session;
  readonly payload: Payload;
}

/**
 * Lines ready for the wire. All recipients of the same lines share one payload, which never changes. A
 * payload with an `end` is the last one for its recipient.
 */
export interface Payload {
  /** Whole lines. */
  readonly bytes: Buffer;
  /** Messages among those lines. */
  readonly count: number;
  /** The session whose input brought the lines about. */
  readonly from: Session;
  /** Why the session of the recipient ends, if it does. */
  readonly end: EndReason | undefined;
}
