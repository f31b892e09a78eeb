import type { Duplex } from 'node:stream';
import { Observable, asapScheduler, asyncScheduler } from 'rxjs';
import type { SessionEvent } from './events.ts';
import { type Piece, lines, overlong } from './lines.ts';
import type { EndReason } from './protocol.ts';
import type { Session } from './session.ts';
import { Throttle } from './throttle.ts';

export interface ReaderOptions {
  /** The longest line, in bytes. */
  readonly maxLine: number;
  /** ms from the connection to the login. */
  readonly loginTimeout: number;
  /** ms that the peer may say nothing; 0 for ever. */
  readonly idleTimeout: number;
  /** Lines a second from which on the peer is slowed; 0 for never. */
  readonly maxRate: number;
}

/** The first byte of a TLS handshake, and of no name. */
const TLS_HANDSHAKE = '\x16';

/** A connection that did not end as a chat does. */
class SessionFailure extends Error {
  override readonly name = 'SessionFailure';
  readonly reason: EndReason;

  constructor(reason: EndReason) {
    super(reason);
    this.reason = reason;
  }
}

/**
 * One connection as its events: `opened`, its lines, `ended`. It ends with the peer's input, with a connection that
 * breaks, when no login or nothing at all comes in time, or when the session is dismissed. Whoever unsubscribes, as the
 * shutdown does, hears no `ended`; either way what the peer still sends is read and discarded from then on.
 */
export function reader(session: Session, options: ReaderOptions): Observable<SessionEvent> {
  const { maxLine, loginTimeout, idleTimeout, maxRate } = options;
  // One Observable and no chain of operators: this is what an idle connection costs, ten thousand times.
  return new Observable((out) => {
    const throttle = maxRate > 0 ? new Throttle(session, maxRate) : undefined;
    let heard = asyncScheduler.now();

    const end = (reason: EndReason) => {
      out.next({ type: 'ended', session, reason });
      out.complete();
    };
    const take = (piece: Piece) => {
      if (idleTimeout > 0) heard = asyncScheduler.now();
      if (piece === overlong) {
        out.next({ type: 'overlong', session });
      } else {
        out.next({ type: 'lines', session, text: piece });
        if (session.name !== undefined) login.unsubscribe();
        throttle?.note(piece);
      }
    };
    const checkIdle = () => {
      const left = session.held ? idleTimeout : heard + idleTimeout - asyncScheduler.now();
      if (left <= 0) end('idle');
      else out.add(asyncScheduler.schedule(checkIdle, left));
    };

    session.dismiss = (reason) => {
      const dismissal = asapScheduler.schedule(() => {
        end(reason);
      });
      out.add(dismissal);
    };
    const login = asyncScheduler.schedule(() => {
      if (session.name === undefined) end('login-timeout');
    }, loginTimeout);
    out.add(login);
    if (idleTimeout > 0) checkIdle();
    out.add(() => {
      throttle?.release();
      session.discard();
    });

    out.next({ type: 'opened', session });
    const input = chunks(session.socket)
      .pipe(lines(maxLine))
      .subscribe({
        next: take,
        error: (failure: unknown) => {
          if (failure instanceof SessionFailure) end(failure.reason);
          else out.error(failure);
        },
        complete: () => {
          end('eof');
        },
      });
    out.add(input);
  });
}

/** What a connection sends, as one-byte text; completes with its input, fails where the connection breaks first. */
function chunks(socket: Duplex): Observable<string> {
  return new Observable((out) => {
    let first = true;
    const onData = (data: Buffer) => {
      const chunk = data.toString('latin1');
      if (first && chunk.startsWith(TLS_HANDSHAKE)) out.error(new SessionFailure('not-chat'));
      first = false;
      out.next(chunk);
    };
    const onEnd = () => {
      out.complete();
    };
    const onClose = () => {
      out.error(new SessionFailure('reset'));
    };
    socket.on('data', onData).on('end', onEnd).on('close', onClose);
    return () => {
      socket.off('data', onData).off('end', onEnd).off('close', onClose);
    };
  });
}
