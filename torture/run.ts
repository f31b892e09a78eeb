import type { Program } from '../spec/support/program.ts';
import { until } from '../spec/support/until.ts';
import { type Books, reconcile } from './books.ts';
import type { Cast, Ending, Scenario } from './cast.ts';
import { PeakMemory, mebi } from './memory.ts';
import { Peer } from './peer.ts';
import { Random } from './random.ts';
import { type Trouble, start } from './start.ts';

export interface Outcome extends Books {
  /** Seconds of the drain by the server's own clock, if there was a log to be read. */
  readonly drained: number | undefined;
  /** Seconds that it was allowed to take. */
  readonly deadline: number;
  /** Seconds from the signal to the end of the process. */
  readonly exited: number;
  /** Bytes of memory that the server held, at most. */
  readonly memory: number;
  /** Whether the drain or the exit came after its time. */
  readonly isLate: boolean;
  /** What the log was in. */
  readonly trouble: Trouble | undefined;
}

/** A server that is reached with TLS. */
export interface Tls {
  readonly options: readonly string[];
  readonly ca: Buffer;
}

/** Seconds by which a drain may miss its deadline. */
const LATE = 0.2;

/**
 * Seconds that a process may take, on a busy machine, to end when its drain is over, its last log lines
 * included.
 */
const EXIT = 5;

/** Bytes of memory that the server may hold, whatever its peers do. */
const MOST_MEMORY = 512 * 2 ** 20;

/**
 * Starts the program, lets the scenario loose on it, sends the signal at a random moment, and reconciles the
 * books.
 */
export async function run(scenario: Scenario, seed: number, tls?: Tls): Promise<Outcome> {
  const random = new Random(seed);
  const { linger, drain, within: deadline = drain, options = [] } = scenario;
  const timeouts = ['--linger-timeout', String(linger), '--drain-timeout', String(drain)];
  const trouble = scenario.troubles && random.pick(troublesOf(scenario.troubles));
  const { program, port, log } = await start(
    tls === undefined ? 'tcp' : 'tls',
    [...timeouts, ...options, ...(tls?.options ?? [])],
    trouble,
  );
  const cast: Cast = {
    place: { port, ca: tls?.ca },
    random,
    flows: [],
    whole: [],
    cut: [],
    crowd: [],
    askers: [],
    fleeting: [],
    others: [],
    faults: [],
    log,
  };
  const memory = new PeakMemory(program.child.pid ?? 0);
  try {
    await scenario.setUp(cast);
    for (const { from, to, lines } of cast.flows) from.flood(to, lines);
    await someTraffic(cast);
    await scenario.beforeSignal?.(cast);

    const began = performance.now();
    program.signal(random.pick(['SIGINT', 'SIGTERM', 'SIGQUIT']));
    const exit = program.exit(90_000).then((code) => ({ code, exited: (performance.now() - began) / 1000 }));
    const signal = (name: Ending) => {
      program.signal(name);
    };
    const [{ code, exited }] = await Promise.all([exit, scenario.afterSignal?.(cast, signal)]);
    log?.destroy();
    await allRead(cast);

    const { isLate, drained, faults: lateness } = punctuality(program, deadline, exited, drain + linger);
    const books = reconcile(cast, program.log);
    const faults = [...books.faults, ...lateness, ...(scenario.check?.(cast, program.log) ?? [])];
    const exits = trouble === undefined ? scenario.exits : scenario.troubles?.[trouble];
    if (typeof code !== 'number' || exits?.includes(code) !== true) {
      faults.push(`exit ${String(code)}: ${program.stderr}`);
    }
    if (trouble === undefined && drained === undefined) faults.push('no drain report');
    const abandoned = program.log.find(({ event }) => event === 'drained')?.abandoned;
    if (trouble === undefined && (code === 0 || code === 1) && code !== Number(Number(abandoned) > 0)) {
      faults.push(`exit ${code}, with ${String(abandoned)} abandoned in the drain`);
    }
    if (memory.bytes > MOST_MEMORY) faults.push(`the server held ${mebi(memory.bytes)}`);
    return { ...books, faults, drained, deadline, exited, memory: memory.bytes, isLate, trouble };
  } finally {
    memory.stop();
    for (const other of cast.others) other.destroy();
    await program.stop();
    log?.destroy();
  }
}

function troublesOf(troubles: Readonly<Record<Trouble, unknown>>): [Trouble, ...Trouble[]] {
  return Object.keys(troubles) as [Trouble, ...Trouble[]];
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
  const { whole, cut, crowd, askers } = cast;
  const atRisk = new Set([...cut, ...askers]);
  for (const peer of atRisk) peer.readOn();
  const isOver = (peer: Peer) => peer.ended || peer.closed;
  await until(() => [...atRisk, ...crowd].every(isOver), 'all to read the rest');
  await until(
    () =>
      whole.every((peer) => peer.transcript.closing !== undefined || !(peer instanceof Peer) || peer.closed),
    'the closing lines',
  );
}

/** How the drain and the exit went beside their deadlines. */
function punctuality(
  program: Program,
  deadline: number,
  exited: number,
  timeouts: number,
): Pick<Outcome, 'isLate' | 'drained' | 'faults'> {
  const seconds = program.log.find(({ event }) => event === 'drained')?.seconds;
  const drained = typeof seconds === 'number' ? seconds : undefined;
  const faults: string[] = [];
  if (drained !== undefined && drained > deadline + LATE)
    faults.push(`drained in ${drained} s of ${deadline}`);
  if (exited > timeouts + EXIT) faults.push(`ended ${exited.toFixed(2)} s after the signal`);
  return { isLate: faults.length > 0, drained, faults };
}
