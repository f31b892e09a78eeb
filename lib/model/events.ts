import type { EndReason } from '../protocol/wire.ts';
import type { Session } from './session.ts';

/** What a session tells the broker. Lines cross as blocks, all that one chunk completed, never one by one. */
export type SessionEvent =
  | { readonly type: 'opened'; readonly session: Session }
  /** One or more whole lines, each with its newline, as they were read. */
  | { readonly type: 'lines'; readonly session: Session; readonly block: Buffer }
  /** Where there are accounts, a line of a session without a name comes so: its name, without a password. */
  | { readonly type: 'login'; readonly session: Session; readonly line: string; readonly verdict: Verdict }
  /** A line over the limit was dropped. */
  | { readonly type: 'overlong'; readonly session: Session }
  | { readonly type: 'ended'; readonly session: Session; readonly reason: EndReason };

/** Whether a login may come in: the name is its own, proved by password; as anybody may; or not, and why. */
export type Verdict = 'owner' | 'guest' | Denial;

export interface Denial {
  readonly code: 'auth-failed' | 'name-taken' | 'server-full';
  readonly why: string;
  /** Whether the connection is to end. */
  readonly over: boolean;
  /** Whether the name is for the log: any that has no account may be a password in the wrong place. */
  readonly known: boolean;
}

/** What the broker has for one recipient. */
export interface Delivery {
  readonly to: Session;
  readonly payload: Payload;
}

/**
 * Lines ready for the wire. Recipients of the same lines share it, so that what waits for a thousand is one
 * object; it is never changed. One with an `end` is the last for its recipient.
 */
export interface Payload {
  /** Whole lines. */
  readonly bytes: Buffer;
  /** How many of those lines are `from` lines. */
  readonly count: number;
  /** Whose input brought them about. */
  readonly from: Session;
  readonly end: EndReason | undefined;
}
