import { Duplex } from 'node:stream';
import { NEVER, Subject, identity } from 'rxjs';
import { broker } from '../lib/broker/broker.ts';
import { serverOptions } from '../lib/server-options.ts';
import { PendingTotal } from '../lib/model/pending-total.ts';
import { reader } from '../lib/readers/reader.ts';
import { pipeline } from '../lib/pipeline.ts';
import { Session } from '../lib/model/session.ts';
import { TurnShare } from '../lib/readers/turn-share.ts';
import { Outflow } from '../lib/writers/outflow.ts';
import { writer } from '../lib/writers/writer.ts';

/**
 * What it costs the pipeline alone, without a network, that many sessions come and go at once: RxJS keeps
 * subscribers and observers in arrays, and looks through them for each that leaves.
 */

/** A connection that takes all it is given at once. */
class Hole extends Duplex {
  constructor() {
    super({
      read: () => {},
      write: (_chunk, _encoding, done) => {
        done();
      },
      allowHalfOpen: true,
    });
  }
}

const settings = serverOptions({ maxConnections: 1_000_000, lingerTimeout: 0 });

async function measure(count: number): Promise<string> {
  const sessions$ = new Subject<Session>();
  const outflow = new Outflow(new PendingTotal(settings.maxPendingTotal), {
    depart: () => (left += 1),
    surprise: () => {},
  });
  const share = new TurnShare();
  let left = 0;
  const running = pipeline(sessions$, {
    drain$: NEVER,
    deadline$: NEVER,
    reader: (session) => reader(session, settings, share),
    admission: () => identity,
    broker: broker(settings, () => {}),
    writer: (payloads) => writer(payloads, settings, outflow),
  }).subscribe();

  const sessions = Array.from(
    { length: count },
    (_, index) => new Session(new Hole(), { through: String(index) }),
  );
  const began = performance.now();
  sessions.forEach((session, index) => {
    sessions$.next(session);
    session.socket.push(`name-${index}\n`);
  });
  await new Promise((resolve) => setImmediate(resolve));
  const joined = performance.now();
  // The latest first: the arrays are searched from the other end.
  for (const { socket } of sessions.reverse()) socket.push(null);
  while (left < count) await new Promise((resolve) => setImmediate(resolve));
  const gone = performance.now();
  running.unsubscribe();
  const each = (ms: number) => `${((ms / count) * 1000).toFixed(0)} µs`;
  return `${count} sessions: ${each(joined - began)} each to come, ${each(gone - joined)} each to go`;
}

await measure(1000);
for (const count of [3000, 10_000, 30_000]) console.log(await measure(count));
