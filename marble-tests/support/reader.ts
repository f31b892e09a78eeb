import { type Observable, map } from 'rxjs';
import type { RunHelpers } from 'rxjs/testing';
import type { SessionEvent } from '../../lib/model/events.ts';
import type { Session } from '../../lib/model/session.ts';
import { type ReaderOptions, reader as readerStage } from '../../lib/readers/reader.ts';
import { TurnShare } from '../../lib/readers/turn-share.ts';
import { feed, sessionOf } from './sessions.ts';
import { textOfEvent } from './texts.ts';
import type { Values } from './values.ts';

/** A share of the event loop's turns that is never used up: real time has no part in a marble test. */
const anyTime = new TurnShare(Infinity);

/** The reader that the server runs, with limits that few tests reach. */
export function theReader(session: Session, options: Partial<ReaderOptions> = {}): Observable<SessionEvent> {
  const limits = { maxLine: 100, loginTimeout: 60_000, idleTimeout: 0, maxRate: 0 };
  return readerStage(session, { ...limits, ...options }, anyTime);
}

/**
 * The reader alone: `diagram` has the chunks that its session receives, with completion as end of file and an
 * error as a connection that breaks.
 */
export function reader({ hot, expectObservable }: RunHelpers) {
  return (diagram: string, chunks: Values, options: Partial<ReaderOptions> = {}) => {
    const session = sessionOf('alice');
    feed(session, hot(diagram, chunks));
    const events$ = theReader(session, options).pipe(map(textOfEvent));
    return {
      session,
      events$,
      /** Expects events between the subscription and the unsubscription of `run`. */
      expectEvents: (events: string, values: Values, run = '^') => {
        expectObservable(events$, run).toBe(events, values);
      },
    };
  };
}
