import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { launch, stop } from './children.ts';
import type { Order, Outcome } from './order.ts';
import type { Line, Row } from './rows.ts';
import type { Running, Server } from './servers.ts';

/** A line of the result: the figures of all runs, by the server's name. */
export interface Measured extends Pick<Line, 'title' | 'unit' | 'aside' | 'bar' | 'judged'> {
  /** The name of its row. */
  readonly row: string;
  readonly values: ReadonlyMap<string, readonly number[]>;
}

export interface Plan {
  readonly runs: number;
  /** Whether each server has a run before the first that counts. */
  readonly warmUp: boolean;
  /** s for one load. */
  readonly limit: number;
  /** What went wrong with a server of ours, as it happens. */
  readonly fault: (what: string) => void;
  /** Why a peer has no figures in a row, as it turns out. */
  readonly gap: (row: string, peer: string, why: string) => void;
}

let loads = 0;

const LOAD = fileURLToPath(new URL('load.js', import.meta.url));

/** ms in which a server gets over its start, or over the load before. */
const REST = 300;

/**
 * Measures a row: the servers in turn in each run, so that a slow phase of the machine hits all of them. A
 * peer that fails once is out for the rest of the row.
 */
export async function measure(row: Row, servers: readonly Server[], plan: Plan): Promise<Measured[]> {
  const values = row.lines.map(() => new Map<string, number[]>());
  const up = new Map<Server, Running>();
  const out = new Set<Server>();
  for (const server of servers) {
    const [why] = row.works.flatMap((work) => server.unfit?.(work) ?? []);
    if (why === undefined) continue;
    plan.gap(row.name, server.name, why);
    out.add(server);
  }
  try {
    for (let run = plan.warmUp && row.fresh !== true ? 0 : 1; run <= plan.runs; run += 1) {
      for (const server of servers.filter((other) => !out.has(other))) {
        const running = up.get(server) ?? (await server.start());
        up.set(server, running);
        await pause(REST);
        const outcomes = await carryOut(row, server, running, plan);
        const failed = outcomes.find((outcome) => 'fault' in outcome);
        if (row.fresh === true || (failed !== undefined && !server.ours)) {
          await running.stop();
          up.delete(server);
        }
        if (failed !== undefined && server.ours) {
          plan.fault(`${row.name}, ${server.name}, run ${run}: ${failed.fault}`);
        } else if (failed !== undefined) {
          plan.gap(row.name, server.name, failed.fault);
          for (const known of values) known.delete(server.name);
          out.add(server);
        }
        if (run === 0 || failed !== undefined) continue;
        for (const [index, line] of row.lines.entries()) {
          const known = values[index]?.get(server.name) ?? [];
          values[index]?.set(server.name, [...known, figureOf(line, outcomes)]);
        }
      }
    }
  } finally {
    for (const running of up.values()) await running.stop();
  }
  return row.lines.map((line, index) => ({
    ...line,
    row: row.name,
    values: values[index] ?? new Map<string, number[]>(),
  }));
}

/** The outcomes of a row's works, up to the first that fails. */
async function carryOut(row: Row, server: Server, { port, pid }: Running, plan: Plan): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const work of row.works) {
    const outcome = await load({ wire: server.wire, port, pid, work, limit: plan.limit });
    outcomes.push(outcome);
    if ('fault' in outcome) break;
  }
  return outcomes;
}

function figureOf({ figure, work = 0, over }: Line, outcomes: readonly Outcome[]): number {
  const of = (index: number) => {
    const outcome = outcomes[index];
    return outcome !== undefined && 'figures' in outcome ? (outcome.figures[figure] ?? NaN) : NaN;
  };
  return over === undefined ? of(work) : of(work) / of(over);
}

/** Has a process of its own carry out one order. */
export async function load(order: Omit<Order, 'tag'>): Promise<Outcome> {
  const child = launch('load', [process.execPath, LOAD], ['ignore', 'inherit', 'inherit', 'ipc']);
  // It keeps its limit itself, unless it hangs.
  const hung = setTimeout(() => child.kill('SIGKILL'), (order.limit + 5) * 1000);
  const ended = once(child, 'exit').then((): Outcome => ({ fault: 'the load process ended' }));
  const answered = once(child, 'message').then(([outcome]) => outcome as Outcome);
  child.send({ ...order, tag: nextTag() } satisfies Order);
  try {
    return await Promise.race([answered, ended]);
  } finally {
    clearTimeout(hung);
    await stop(child);
  }
}

/** Two letters or digits, one after the other. */
function nextTag(): string {
  loads += 1;
  return (loads % 36 ** 2).toString(36).padStart(2, '0');
}
