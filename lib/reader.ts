import type { Duplex } from 'node:stream';
import {
  Observable,
  asapScheduler,
  catchError,
  endWith,
  filter,
  finalize,
  map,
  merge,
  observeOn,
  of,
  startWith,
  takeWhile,
  throwError,
  timer,
} from 'rxjs';
import type { SessionEvent } from './events.ts';
import { lines, overlong } from './lines.ts';
import type { EndReason } from './protocol.ts';
import type { Session } from './session.ts';

export interface ReaderOptions {
  /** The longest line, in bytes. */
  readonly maxLine: number;
  /** ms from the connection to the login. */
  readonly loginTimeout: number;
}

/** The connection broke instead of ending. */
class ConnectionLost extends Error {
  override readonly name = 'ConnectionLost';
}

/**
 * One connection as its events: `opened`, its lines, `ended`. It ends with the peer's input, with a connection that
 * breaks, when no login comes in time, or when the session is dismissed. Whoever unsubscribes, as the shutdown does,
 * hears no `ended`; either way what the peer still sends is read and discarded from then on.
 */
export function reader(session: Session, options: ReaderOptions): Observable<SessionEvent> {
  const ended = (reason: EndReason): SessionEvent => ({ type: 'ended', session, reason });

  const input$ = chunks(session.socket).pipe(
    lines(options.maxLine),
    map((text): SessionEvent =>
      text === overlong ? { type: 'overlong', session } : { type: 'lines', session, text },
    ),
    endWith(ended('eof')),
    catchError((failure: unknown) =>
      failure instanceof ConnectionLost ? of(ended('reset')) : throwError(() => failure),
    ),
  );
  const overdue$ = timer(options.loginTimeout).pipe(
    filter(() => session.name === undefined),
    map(() => ended('login-timeout')),
  );
  return merge(input$, overdue$, dismissals(session).pipe(map(ended))).pipe(
    startWith<SessionEvent>({ type: 'opened', session }),
    takeWhile((event) => event.type !== 'ended', true),
    finalize(() => {
      session.discard();
    }),
  );
}

/** What a connection sends, as one-byte text; completes with its input, fails where the connection breaks first. */
function chunks(socket: Duplex): Observable<string> {
  return new Observable((out) => {
    const onData = (chunk: Buffer) => {
      out.next(chunk.toString('latin1'));
    };
    const onEnd = () => {
      out.complete();
    };
    const onClose = () => {
      out.error(new ConnectionLost());
    };
    socket.on('data', onData).on('end', onEnd).on('close', onClose);
    return () => {
      socket.off('data', onData).off('end', onEnd).off('close', onClose);
    };
  });
}

function dismissals(session: Session): Observable<EndReason> {
  return new Observable<EndReason>((out) => {
    session.dismiss = (reason) => {
      out.next(reason);
    };
  }).pipe(observeOn(asapScheduler));
}
