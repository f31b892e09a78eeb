import { Observable } from 'rxjs';
import type { PendingTotal } from '../model/pending-total.ts';
import type { Session } from '../model/session.ts';

/**
 * Part of the bytes that may wait for all recipients. While less waits, lines are let in though their sender
 * is held.
 */
const ROOM_PART = 1 / 8;

/** ms without a line that was let in after which the other lines are given up. */
const STANDSTILL_MS = 500;

/** ms between two looks while nothing can be let in. */
const LOOK_MS = 10;

/** ms of a turn of the event loop that letting in may take. */
const SHARE_MS = 20;

/**
 * Ends all input at a shutdown: stops reading from `sessions`, and lets in what the process has read of them
 * already, with turns of the event loop between. While there is room, lines are let in beyond the marks at
 * which senders are held. Without room, they wait as long as recipients make some. Lines that find none are
 * not accepted, and `* closing` tells their sender so. Emits once, and completes.
 *
 * @param limit ms that the intake may take
 */
export function lastIntake(
  sessions: Iterable<Session>,
  total: PendingTotal,
  limit: number,
): Observable<void> {
  return new Observable((out) => {
    const began = performance.now();
    let left: Session[] = [];
    for (const session of sessions) {
      session.stopReading();
      if (mayFinish(session)) left.push(session);
    }
    let waiting = Infinity;
    /** When a line was last let in, in ms. */
    let progress = began;
    let timer: NodeJS.Timeout | undefined;
    const look = () => {
      const now = performance.now();
      for (const session of left) {
        if (performance.now() - now >= SHARE_MS) break;
        if (session.held && total.bytes <= total.limit * ROOM_PART) session.letIn();
      }
      left = left.filter(mayFinish);
      const before = waiting;
      waiting = left.reduce((sum, session) => sum + session.waiting, 0);
      if (waiting < before) progress = now;
      if (left.length === 0 || now - progress >= STANDSTILL_MS || now - began >= limit) {
        out.next();
        out.complete();
        return;
      }
      timer = setTimeout(look, waiting < before ? 0 : LOOK_MS);
    };
    out.add(() => {
      clearTimeout(timer);
    });
    look();
  });
}

/**
 * Whether lines of the session wait for a turn or for recipients. Lines behind a login that is being checked
 * are not waited for.
 */
function mayFinish({ waiting, held, name }: Session): boolean {
  return waiting > 0 && (!held || name !== undefined);
}
