import type { Duplex } from 'node:stream';
import { Observable, asapScheduler, asyncScheduler } from 'rxjs';
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
  // One Observable and no chain of operators: this is what an idle connection costs, ten thousand times.
  return new Observable((out) => {
    const end = (reason: EndReason) => {
      out.next({ type: 'ended', session, reason });
      out.complete();
    };
    session.dismiss = (reason) => {
      out.add(
        asapScheduler.schedule(() => {
          end(reason);
        }),
      );
    };
    out.add(
      asyncScheduler.schedule(() => {
        if (session.name === undefined) end('login-timeout');
      }, options.loginTimeout),
    );
    out.add(() => {
      session.discard();
    });
    out.next({ type: 'opened', session });
    out.add(
      chunks(session.socket)
        .pipe(lines(options.maxLine))
        .subscribe({
          next: (text) => {
            out.next(text === overlong ? { type: 'overlong', session } : { type: 'lines', session, text });
          },
          error: (failure: unknown) => {
            if (failure instanceof ConnectionLost) end('reset');
            else out.error(failure);
          },
          complete: () => {
            end('eof');
          },
        }),
    );
  });
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
