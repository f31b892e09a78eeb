import { EMPTY, NEVER, type Observable, concat, concatMap, ignoreElements, map, of } from 'rxjs';
import type { Payload } from '../../lib/model/events.ts';
import type { Session } from '../../lib/model/session.ts';
import type { Stages } from '../../lib/pipeline.ts';
import { type Shutdown, shutdownOf } from '../../lib/shutdown.ts';
import type { Streams } from './diagrams.ts';
import { theReader } from './reader.ts';
import { feed, nameOf, typing } from './sessions.ts';

/** ms from the signal of a shutdown to its deadline. */
const DRAIN_TIMEOUT = 5;

/** The stream of a diagram; one that nothing comes from where it is left out. */
function streamIn(streams: Streams, row: string): Observable<string> {
  return streams.get(row) ?? NEVER;
}

/** The moments of the shutdown, or those that its signal brings. */
export function shutdownIn(streams: Streams): Shutdown {
  const signal$ = streams.get('signal$');
  if (signal$ !== undefined) return shutdownOf(signal$, DRAIN_TIMEOUT);
  return { drain$: streamIn(streams, 'drain$'), deadline$: streamIn(streams, 'deadline$') };
}

/** Connections: the session whose name begins with the letter that stands for it. */
export function arrivalsIn(streams: Streams, sessions: ReadonlyMap<string, Session>): Observable<Session> {
  const sessionBy = (initial: string) => {
    const [found, other] = Array.from(sessions.values()).filter((one) => nameOf(one).startsWith(initial));
    if (found === undefined || other !== undefined) throw new Error(`Not one name begins with ${initial}`);
    return found;
  };
  return streamIn(streams, 'sessions$').pipe(map(sessionBy));
}

/** Reads what a session types; bytes are read by the reader that the server runs. */
export function readerIn(streams: Streams, loginTimeout: number): Stages['reader'] {
  return (session) => {
    const bytes$ = streams.get(`${nameOf(session)}Socket$`);
    if (bytes$ === undefined) return typing(session, streamIn(streams, nameOf(session)));
    feed(session, bytes$);
    return theReader(session, { loginTimeout });
  };
}

/** The payloads of a session, each when its writer is done with it. */
export type Pace = (payloads$: Observable<Payload>, session: Session) => Observable<Payload>;

/** Writers that take as long as `writes$` and `flush$` say, and otherwise none. */
export function paceIn(streams: Streams): Pace {
  const pause = (session: Session, kind: 'Writes' | 'Flush'): Observable<never> => {
    const pause$ = streams.get(`${nameOf(session)}${kind}$`) ?? streams.get(`${kind.toLowerCase()}$`);
    return pause$ === undefined ? EMPTY : pause$.pipe(ignoreElements());
  };
  return (payloads$, session) => {
    const writes$ = pause(session, 'Writes');
    const written$ = payloads$.pipe(
      concatMap((payload) => concat(payload.bytes.length === 0 ? EMPTY : writes$, of(payload))),
    );
    return concat(written$, pause(session, 'Flush'));
  };
}
