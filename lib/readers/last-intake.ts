import { Observable } from 'rxjs';
import type { PendingTotal } from '../model/pending-total.ts';
import type { Session } from '../model/session.ts';

/**
 * Part of what may wait for all recipients: as long as less waits, lines are let in though their sender is
 * held.
 */
const ROOM_PART = 1 / 8;

/** ms without any line let in after which those that are left are not waited for. */
const STANDSTILL_MS = 500;

/** ms between two looks where nothing can be let in. */
const LOOK_MS = 10;

/** ms of a turn of the event loop that are spent here. */
const SHARE_MS = 20;

/**
 * The end of all input: stops reading from `sessions`, and has in what the process has read of them already,
 * with turns of the event loop between. It goes beyond the marks at which senders are held, as long as there
 * is room, and waits for recipients as long as they make some. Lines that find none are not accepted: `*
 * closing` tells their sender so. Emits once, and completes.
 *
 * @param limit ms that it may take
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
 * Whether something of the session waits for its turn or its recipients; for a login to be checked nobody
 * waits.
 */
function mayFinish({ waiting, held, name }: Session): boolean {
  return waiting > 0 && (!held || name !== undefined);
}
