import { type Observable, Subject, filter, map, merge, share } from 'rxjs';
import type { RunHelpers } from 'rxjs/testing';
import { type BrokerOptions, broker as brokerStage } from '../../lib/broker/broker.ts';
import type { Delivery } from '../../lib/model/events.ts';
import type { ServerEvent } from '../../lib/model/server-events.ts';
import type { Stages } from '../../lib/pipeline.ts';
import { type Rows, sessionsOf, streamsOf } from './diagrams.ts';
import { expectationsOf, named } from './expectations.ts';
import { typing } from './sessions.ts';
import { textOfPayload } from './texts.ts';
import type { Values } from './values.ts';

/** The broker that the server runs, with limits that few tests reach. */
export function theBroker(
  options: Partial<BrokerOptions> = {},
  tell: (event: ServerEvent) => void = () => {},
): Stages['broker'] {
  const defaults = {
    maxConnections: 100,
    maxConnectionsPerAddress: 0,
    maxLine: 100,
    maxRecipients: 100,
    loginTimeout: 30_000,
    plain: false,
    allowControlChars: false,
  };
  return brokerStage({ ...defaults, ...options }, tell);
}

/**
 * The broker alone, with sessions that are there from the start: `diagrams` has what each types, in which a
 * character stands for the text that `typed` gives it. Of those who type in one frame the one whose diagram
 * stands first comes first.
 */
export function broker(time: RunHelpers) {
  return (typed: Values, diagrams: Rows) => {
    const streams = streamsOf(time, diagrams, typed);
    const sessions = sessionsOf(diagrams);
    const events$ = Array.from(sessions, ([name, session]) => typing(session, named(streams, name)));
    const told$ = new Subject<ServerEvent>();
    const stage = theBroker({}, (event) => {
      told$.next(event);
    });
    const deliveries$: Observable<Delivery> = merge(...events$).pipe(stage, share());
    const heard = (name: string) => {
      const hearer = named(sessions, name);
      return deliveries$.pipe(
        filter(({ to }) => to === hearer),
        map(({ payload }) => textOfPayload(payload)),
        // The first delivery, which is empty, opens the group of a session.
        filter((text) => text !== ''),
      );
    };
    const subscriptions = (name: string) => named(streams, name).subscriptions;
    return { deliveries$, told$, ...expectationsOf(time, { heard, subscriptions }) };
  };
}
