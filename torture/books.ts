import type { LogLine } from '../spec/support/program.ts';
import type { Cast } from './cast.ts';

/** What became of the messages of one run. */
export interface Books {
  /** Messages that the server said it accepted, for peers that did not leave by themselves. */
  readonly accepted: number;
  /** Of those, the ones that arrived. */
  readonly received: number;
  /** Of those, the ones that did not, and that the server said it abandoned. */
  readonly abandoned: number;
  /** Of those, the ones that did not without a word. */
  readonly lost: number;
  /** Everything that contradicts what the server promised; empty for a good run. */
  readonly faults: readonly string[];
}

interface Counts {
  readonly accepted: number;
  readonly delivered: number;
  readonly abandoned: number;
}

/**
 * Compares what arrived with what the server told its peers, and wrote to its log, as far as there is one.
 */
export function reconcile(cast: Cast, log: readonly LogLine[]): Books {
  const left = countsByName(log);
  const faults = [...cast.faults, ...reportFaults(log)];
  for (const { name, transcript } of [...cast.whole, ...cast.cut, ...cast.crowd, ...cast.fleeting]) {
    faults.push(...transcript.faults.slice(0, 5).map((fault) => `${name}: ${fault}`));
  }
  const told = new Map<string, number>();
  for (const { name, transcript } of cast.whole) {
    const { closing, received } = transcript;
    const logged = left.get(name)?.accepted;
    if (closing?.reason !== 'shutdown') faults.push(`${name}: no closing line`);
    else if (closing.delivered !== received)
      faults.push(`${name}: told ${closing.delivered}, got ${received}`);
    if (closing === undefined) continue;
    told.set(name, closing.accepted);
    if (logged !== undefined && closing.accepted !== logged) {
      faults.push(`${name}: told accepted ${closing.accepted}, logged ${logged}`);
    }
  }

  let lost = 0;
  const expected = new Map<string, number>();
  for (const { from, to } of cast.flows) {
    const accepted = told.get(from.name) ?? left.get(from.name)?.accepted ?? NaN;
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
  // Who writes to itself, to nobody else, and reads all, was told exactly that.
  const among = new Set([...cast.whole, ...cast.cut].map(({ name }) => name));
  for (const { name, transcript } of cast.askers) {
    if (among.has(name)) expected.set(name, transcript.received);
  }
  for (const { name, transcript } of cast.crowd) {
    const { welcome, closing, received } = transcript;
    if (!welcome) continue;
    expected.set(name, closing?.accepted ?? NaN);
    if (closing?.accepted === received && closing.delivered === received) continue;
    lost += Math.max(0, (closing?.accepted ?? 0) - received);
    faults.push(`${name} was welcome, received ${received} and read ${JSON.stringify(closing)}`);
  }

  let abandonedInAll = 0;
  for (const { name, transcript } of cast.cut) {
    const { received } = transcript;
    const { delivered, abandoned } = left.get(name) ?? { delivered: NaN, abandoned: NaN };
    const all = expected.get(name) ?? 0;
    abandonedInAll += Math.min(abandoned, all - received);
    lost += Math.max(0, all - received - abandoned);
    // What its system had not acknowledged when it was cut off counts as abandoned, and may have arrived all
    // the same.
    if (delivered + abandoned !== all) faults.push(`${name}: ${delivered} + ${abandoned} is not ${all}`);
    if (received < delivered) faults.push(`${name}: received ${received}, said to be delivered ${delivered}`);
  }
  return {
    faults,
    accepted: sum([...expected.values()]),
    received: sum([...cast.whole, ...cast.cut, ...cast.crowd].map(({ transcript }) => transcript.received)),
    abandoned: abandonedInAll,
    lost,
  };
}

/** Of each name, the last session that has a line. */
function countsByName(log: readonly LogLine[]): Map<string, Counts> {
  const left = new Map<string, Counts>();
  for (const { event, name, accepted, delivered, abandoned } of log) {
    if (event !== 'left' || typeof name !== 'string') continue;
    left.set(name, {
      accepted: Number(accepted),
      delivered: Number(delivered),
      abandoned: Number(abandoned),
    });
  }
  return left;
}

/** What the drain report says must be possible, and its losses what it abandoned. */
function reportFaults(log: readonly LogLine[]): string[] {
  const report = log.find(({ event }) => event === 'drained');
  if (report === undefined) return [];
  const { delivered, abandoned, losses } = report;
  const faults: string[] = [];
  const parts = losses as { readonly abandoned: number }[];
  if (!(Number(delivered) >= 0)) faults.push(`the drain report says delivered ${String(delivered)}`);
  if (parts.some((loss) => !(loss.abandoned > 0))) faults.push(`a loss is none: ${JSON.stringify(losses)}`);
  if (sum(parts.map((loss) => loss.abandoned)) !== abandoned) {
    faults.push(`the losses of the drain report do not make ${String(abandoned)}: ${JSON.stringify(losses)}`);
  }
  return faults;
}

/**
 * Where peers break off their sessions one after the other: what was accepted in all was made out to a
 * session, of which the log has the end, or its sender was told that nobody of that name was here.
 */
export function balance(cast: Cast, log: readonly LogLine[]): string[] {
  const faults: string[] = [];
  const accepted = sum(cast.whole.map(({ transcript }) => transcript.closing?.accepted ?? NaN));
  const refused = sum(cast.whole.map(({ transcript }) => transcript.notConnected));
  const ends = log.filter(({ event }) => event === 'left');
  const routed = sum(ends.map(({ delivered, abandoned }) => Number(delivered) + Number(abandoned)));
  if (accepted - refused !== routed) {
    faults.push(`accepted ${accepted}, nobody there for ${refused}, and the log has ${routed}`);
  }
  for (const { name, port, transcript } of cast.fleeting) {
    // Where many leave, some are summed up.
    const end = ends.find((line) => line.name === name && String(line.remote).endsWith(`:${port ?? 0}`));
    if (end === undefined) continue;
    const delivered = Number(end.delivered);
    if (transcript.received > delivered + Number(end.abandoned)) {
      faults.push(`${name}: received ${transcript.received} of ${delivered} + ${String(end.abandoned)}`);
    }
    if (String(end.reason) === 'reset' && transcript.received > delivered) {
      faults.push(`${name}: received ${transcript.received}, said to be delivered ${delivered}`);
    }
  }
  return faults;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
