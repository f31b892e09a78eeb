import { Program } from '../spec/support/program.ts';
import { until } from '../spec/support/until.ts';
import { Peer } from './peer.ts';
import { Random } from './random.ts';
import type { Cast, Scenario } from './scenarios.ts';

export interface Outcome {
  /** Messages that the server said it accepted, for peers that did not leave by themselves. */
  readonly accepted: number;
  /** Of those, the ones that arrived. */
  readonly received: number;
  /** Of those, the ones that did not, and that the server said it abandoned. */
  readonly abandoned: number;
  /** Of those, the ones that did not without a word. */
  readonly lost: number;
  /** ms from the signal to the exit. */
  readonly milliseconds: number;
  /** Everything that contradicts what the server promised; empty for a good run. */
  readonly faults: readonly string[];
}

/** A server that is reached with TLS. */
export interface Tls {
  readonly options: readonly string[];
  readonly ca: Buffer;
}

/** Starts the program, lets the scenario loose on it, sends the signal at a random moment, and reconciles the books. */
export async function run(scenario: Scenario, seed: number, tls?: Tls): Promise<Outcome> {
  const random = new Random(seed);
  const program = await Program.serve(...scenario.options, ...(tls?.options ?? []));
  const cast: Cast = {
    place: { port: program.port, ca: tls?.ca },
    random,
    flows: [],
    whole: [],
    cut: [],
    storm: [],
    others: [],
    faults: [],
  };
  try {
    await scenario.setUp(cast);
    for (const { from, to } of cast.flows) from.flood(to);
    await someTraffic(cast);
    await until(() => scenario.ready?.(cast) ?? true, 'the scenario to be ready', 30_000);

    const began = performance.now();
    program.signal(random.pick(['SIGINT', 'SIGTERM', 'SIGQUIT']));
    const drained = program.exit(90_000);
    await scenario.afterSignal?.(cast, (name) => {
      program.signal(name);
    });
    const code = await drained;
    const milliseconds = performance.now() - began;
    if (typeof code !== 'number' || !scenario.exits.includes(code)) {
      cast.faults.push(`exit ${String(code)}: ${program.stderr}`);
    }
    await allRead(cast);
    return { milliseconds, ...reconcile(cast, program) };
  } finally {
    for (const other of cast.others) other.destroy();
    await program.stop();
  }
}

/** Waits for a random amount of traffic, and a random moment more. */
async function someTraffic(cast: Cast): Promise<void> {
  const enough = cast.random.between(1000, 60_000);
  const received = () =>
    [...cast.whole, ...cast.cut].reduce((sum, { transcript }) => sum + transcript.received, 0);
  await until(() => received() >= enough, `${enough} messages`, 30_000);
  await new Promise((resolve) => setTimeout(resolve, cast.random.between(0, 30)));
}

/** The server is gone; what the kernel still has for its peers is theirs. */
async function allRead(cast: Cast): Promise<void> {
  for (const peer of cast.cut) peer.readOn();
  await until(() => cast.cut.every((peer) => peer.ended || peer.closed), 'the cut off to read the rest');
  await until(
    () =>
      cast.whole.every(
        (peer) => peer.transcript.closing !== undefined || !(peer instanceof Peer) || peer.closed,
      ),
    'the closing lines',
  );
}

/** Compares what arrived with what the server says it accepted, delivered and abandoned. */
function reconcile(
  cast: Cast,
  program: Program,
): Pick<Outcome, 'accepted' | 'received' | 'abandoned' | 'lost' | 'faults'> {
  const faults = [...cast.faults];
  const left = new Map<string, { accepted: number; delivered: number; abandoned: number }>();
  for (const { event, name, accepted, delivered, abandoned } of program.log) {
    if (event !== 'left' || typeof name !== 'string') continue;
    left.set(name, {
      accepted: Number(accepted),
      delivered: Number(delivered),
      abandoned: Number(abandoned),
    });
  }
  if (!program.log.some(({ event }) => event === 'drained')) faults.push('no drain report');

  for (const { name, transcript } of [...cast.whole, ...cast.cut]) {
    faults.push(...transcript.faults.slice(0, 5).map((fault) => `${name}: ${fault}`));
  }
  for (const { name, transcript } of cast.whole) {
    const { closing, received } = transcript;
    if (closing?.reason !== 'shutdown') faults.push(`${name}: no closing line`);
    else if (closing.delivered !== received)
      faults.push(`${name}: told ${closing.delivered}, got ${received}`);
    if (closing !== undefined && closing.accepted !== left.get(name)?.accepted) {
      faults.push(
        `${name}: told accepted ${closing.accepted}, logged ${left.get(name)?.accepted ?? 'nothing'}`,
      );
    }
  }

  let lost = 0;
  const expected = new Map<string, number>();
  for (const { from, to } of cast.flows) {
    const accepted = left.get(from.name)?.accepted ?? NaN;
    to.forEach((name, turn) => {
      const share = Math.ceil((accepted - turn) / to.length);
      expected.set(name, (expected.get(name) ?? 0) + share);
      const whole = cast.whole.find((peer) => peer.name === name);
      const heard = whole?.transcript.heard.get(from.name) ?? 0;
      if (whole !== undefined && heard !== share) {
        lost += Math.max(0, share - heard);
        faults.push(`${name} got ${heard} of ${share} from ${from.name}`);
      }
    });
  }
  let abandonedInAll = 0;
  for (const { name, transcript } of cast.cut) {
    const { received } = transcript;
    const { delivered, abandoned } = left.get(name) ?? { delivered: NaN, abandoned: NaN };
    const all = expected.get(name) ?? 0;
    abandonedInAll += Math.min(abandoned, all - received);
    lost += Math.max(0, all - received - abandoned);
    // What its system had not acknowledged when it was cut off counts as abandoned, and may have arrived all the same.
    if (delivered + abandoned !== all) faults.push(`${name}: ${delivered} + ${abandoned} is not ${all}`);
    if (received < delivered) faults.push(`${name}: received ${received}, said to be delivered ${delivered}`);
  }
  return {
    faults,
    accepted: sum([...expected.values()]),
    received: sum([...cast.whole, ...cast.cut].map(({ transcript }) => transcript.received)),
    abandoned: abandonedInAll,
    lost,
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
