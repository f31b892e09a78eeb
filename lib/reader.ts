import type { Duplex } from 'node:stream';
import { Observable, asapScheduler, asyncScheduler } from 'rxjs';
import type { SessionEvent } from './events.ts';
import { Inlet } from './inlet.ts';
import { lines, overlong } from './lines.ts';
import type { Meter } from './meter.ts';
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
  /** Measures how long messages take, if given. */
  readonly meter?: Meter | undefined;
}

/** The first byte of a TLS handshake, and of no name. */
const TLS_HANDSHAKE = 0x16;

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
  const { maxLine, loginTimeout, idleTimeout, maxRate, meter } = options;
  // One Observable and no chain of operators: this is what an idle connection costs, ten thousand times.
  return new Observable((out) => {
    const throttle = maxRate > 0 ? new Throttle(session, maxRate) : undefined;
    let heard = asyncScheduler.now();

    const end = (reason: EndReason) => {
      out.next({ type: 'ended', session, reason });
      out.complete();
    };
    const later = (action: () => void) => {
      asapScheduler.schedule(() => {
        if (!out.closed) action();
      });
    };
    const inlet = new Inlet(session, throttle, (piece) => {
      if (piece === overlong) out.next({ type: 'overlong', session });
      else out.next({ type: 'lines', session, block: piece });
      if (session.name !== undefined) login.unsubscribe();
    });
    session.intake = {
      dismiss: (reason) => {
        later(() => {
          end(reason);
        });
      },
      resume: () => {
        later(() => {
          inlet.resume();
        });
      },
      flush: () => {
        inlet.flush();
      },
    };
    const login = asyncScheduler.schedule(() => {
      if (session.name === undefined) end('login-timeout');
    }, loginTimeout);
    out.add(login);
    if (idleTimeout > 0) {
      const check = asyncScheduler.schedule(function () {
        const left = session.held ? idleTimeout : heard + idleTimeout - asyncScheduler.now();
        if (left <= 0) end('idle');
        else this.schedule(undefined, left);
      }, idleTimeout);
      out.add(check);
    }
    out.add(() => {
      throttle?.release();
      session.discard();
    });

    out.next({ type: 'opened', session });
    const input = chunks(session.socket)
      .pipe(lines(maxLine))
      .subscribe({
        next: (piece) => {
          if (idleTimeout > 0) heard = asyncScheduler.now();
          if (meter !== undefined) session.readAt = performance.now();
          inlet.push(piece);
        },
        error: (failure: unknown) => {
          if (!(failure instanceof SessionFailure)) {
            out.error(failure);
            return;
          }
          inlet.flush();
          end(failure.reason);
        },
        complete: () => {
          inlet.end(() => {
            end('eof');
          });
        },
      });
    out.add(input);
  });
}

/** What a connection sends; completes with its input, fails where the connection breaks first. */
function chunks(socket: Duplex): Observable<Buffer> {
  return new Observable((out) => {
    let first = true;
    const onData = (chunk: Buffer) => {
      if (first && chunk[0] === TLS_HANDSHAKE) out.error(new SessionFailure('not-chat'));
      else out.next(chunk);
      first = false;
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
