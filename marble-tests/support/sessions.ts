import { PassThrough } from 'node:stream';
import { type Observable, endWith, map, startWith } from 'rxjs';
import type { SessionEvent } from '../../lib/model/events.ts';
import { NO_INTAKE, Session } from '../../lib/model/session.ts';

/** A session whose socket nobody is at the other end of. */
export function sessionOf(name: string): Session {
  return new Session(new PassThrough(), { through: name });
}

/** The name that `sessionOf` gave it, whatever it logged in as. */
export function nameOf(session: Session): string {
  return session.remote;
}

/**
 * Says what the real reader says of a session that types `text$`: a value is a line, or several with newlines
 * between them; completion is end of file.
 */
export function typing(session: Session, text$: Observable<string>): Observable<SessionEvent> {
  return text$.pipe(
    map((text): SessionEvent => ({ type: 'lines', session, block: Buffer.from(`${text}\n`) })),
    startWith<SessionEvent>({ type: 'opened', session }),
    endWith<SessionEvent>({ type: 'ended', session, reason: 'eof' }),
  );
}

/**
 * Has `session` receive `chunks$`, with its completion as end of file and its error as a connection that
 * breaks. A stream tells of these in real time, so here its events are made by hand.
 */
export function feed({ socket }: Session, chunks$: Observable<string>): void {
  chunks$.subscribe({
    next: (chunk) => socket.emit('data', Buffer.from(chunk)),
    complete: () => socket.emit('end'),
    error: () => socket.emit('close'),
  });
}

/** Calls `listener` with what the broker gives back of the session's lines. */
export function onTakeBack(session: Session, listener: (lines: Buffer) => void): void {
  session.attach({ ...NO_INTAKE, takeBack: listener });
}
