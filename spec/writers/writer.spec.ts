import { Duplex } from 'node:stream';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Subject, type Subscription, groupBy, mergeMap } from 'rxjs';
import type { Payload } from '../../lib/model/events.ts';
import { PendingTotal } from '../../lib/model/pending-total.ts';
import { Session } from '../../lib/model/session.ts';
import { Outflow } from '../../lib/writers/outflow.ts';
import { writer } from '../../lib/writers/writer.ts';
import { until } from '../support/until.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const MB = 2 ** 20;

const options = { maxPending: 16 * MB, writeTimeout: 60_000, lingerTimeout: 1000, plain: false };

const runs: Subscription[] = [];

afterEach(() => {
  for (const run of runs.splice(0)) run.unsubscribe();
});

/** A recipient that takes nothing, and the payloads for it. */
function stuck() {
  const written: Buffer[] = [];
  const socket = new Duplex({
    read: () => {},
    write: (chunk: Buffer) => {
      written.push(chunk);
    },
  });
  const session = new Session(socket, { through: 'test' });
  const payloads$ = new Subject<Payload>();
  const outflow = new Outflow(new PendingTotal(Infinity), { depart: () => {}, surprise: () => {} });
  const running = payloads$
    .pipe(
      groupBy(() => session),
      mergeMap((payloads) => writer(payloads, options, outflow)),
    )
    .subscribe();
  runs.push(running);
  return {
    written,
    say: (text: string) => {
      payloads$.next({ bytes: Buffer.from(text), count: 1, from: session, end: undefined });
    },
  };
}

test('what waits for a peer that does not read keeps nothing else in memory', async () => {
  const { written, say } = stuck();
  say('first\n');
  await until(() => written.length > 0, 'the first write');

  collectGarbage();
  const before = process.memoryUsage().arrayBuffers;
  for (let message = 0; message < 2000; message += 1) {
    say(`message ${message}\n`);
    // What others are sent in the meantime comes from the same pool, of which a piece has 8 KiB.
    for (let other = 0; other < 400; other += 1) Buffer.from('from alice: hello\n');
  }
  const kept = () => {
    collectGarbage();
    return process.memoryUsage().arrayBuffers - before;
  };
  await until(
    () => kept() < MB,
    () => `no more than a MiB of buffers; ${kept()} bytes are kept`,
  );
});
