import type { LogLine } from '../spec/support/program.ts';
import { until } from '../spec/support/until.ts';
import type { Asker } from './asker.ts';
import { type Habits, Peer, type Place } from './peer.ts';
import type { Random } from './random.ts';
import type { LogPipe, Trouble } from './start.ts';
import type { Transcript } from './transcript.ts';

/** A sender, and whom it writes to in turn; each sender of a run has as many targets as any other. */
export interface Flow {
  readonly from: Peer;
  readonly to: readonly string[];
  /** Lines that it writes, at most; as many as the server takes, if not given. */
  readonly lines?: number;
}

/** Who takes part in one run. A scenario fills it before the signal, and may go on after it. */
export interface Cast {
  /** Where the server is. */
  readonly place: Place;
  readonly random: Random;
  /** Senders with whom they write to, in turn. */
  readonly flows: Flow[];
  /**
   * Everyone who has a name and must get all that was accepted for it, and a closing line with true counts.
   */
  readonly whole: { readonly name: string; readonly transcript: Transcript }[];
  /**
   * Those who have a name and may be cut off: what they got and what was abandoned make what was accepted for
   * them.
   */
  readonly cut: Peer[];
  /** Those who arrive by the hundred, say no more than a line to themselves, and stay. */
  readonly crowd: Peer[];
  /** Those who have the server answer as much as it can; where they read, they are among the whole too. */
  readonly askers: Asker[];
  /** Those who break off one session after the other; whoever writes to them writes to nobody else. */
  readonly fleeting: Peer[];
  /** Everyone with a connection of their own to be closed in the end. */
  readonly others: { destroy(): void }[];
  /** What was found wrong beside the transcripts. */
  readonly faults: string[];
  /** What the server writes its log to, where there is trouble with that. */
  readonly log: LogPipe | undefined;
}

export type Ending = 'SIGINT' | 'SIGTERM' | 'SIGQUIT';

export interface Scenario {
  readonly about: string;
  /** Seconds of the server's linger and drain timeouts. */
  readonly linger: number;
  readonly drain: number;
  /** Seconds that the drain may take, where that is less. */
  readonly within?: number;
  /** Other options of the server. */
  readonly options?: readonly string[];
  readonly setUp: (cast: Cast) => Promise<void>;
  /** Runs before the signal, after some traffic. */
  readonly beforeSignal?: (cast: Cast) => Promise<void>;
  /** Runs while the server drains. */
  readonly afterSignal?: (cast: Cast, signal: (name: Ending) => void) => Promise<void>;
  /** What is wrong that transcripts alone do not tell. */
  readonly check?: (cast: Cast, log: readonly LogLine[]) => string[];
  /** Exit codes that are right. */
  readonly exits: readonly number[];
  /** Troubles with the log, one of which a run has, and the exit codes that are right then. */
  readonly troubles?: Readonly<Record<Trouble, readonly number[]>>;
}

/** A server that lingers for little and has time to drain. */
export const QUICK = { linger: 0.3, drain: 60 };

/** Logs in a peer that is to stay whole. */
export async function enter(cast: Cast, name: string, habits?: Habits): Promise<Peer> {
  const peer = new Peer(cast.place, name, habits);
  cast.whole.push(peer);
  cast.others.push(peer);
  await peer.login();
  return peer;
}

/** Logs in a peer that may be cut off. */
export async function enterAtRisk(cast: Cast, name: string, habits?: Habits): Promise<Peer> {
  const peer = new Peer(cast.place, name, habits);
  cast.cut.push(peer);
  cast.others.push(peer);
  await peer.login();
  return peer;
}

/** Pairs of which the first floods the second, who has `habits`; with `both` the second floods back. */
export async function pairs(cast: Cast, count: number, habits?: Habits, both = false): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    const sender = await enter(cast, `sender-${index}`);
    const receiver = await enter(cast, `receiver-${index}`, habits);
    cast.flows.push({ from: sender, to: [receiver.name] });
    if (both) cast.flows.push({ from: receiver, to: [sender.name] });
  }
}

/**
 * Waits until the server has taken nothing more of the floods for so many ms, but for `patience` ms at most.
 */
export async function held(flows: readonly Flow[], ms: number, patience: number): Promise<void> {
  const began = performance.now();
  await until(
    () => performance.now() - began > patience || flows.every(({ from }) => from.stalled > ms),
    'the senders to be held',
  );
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
