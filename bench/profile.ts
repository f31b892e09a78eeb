import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { load } from './measure.ts';
import type { Work } from './order.ts';
import { ownServer } from './servers.ts';

/** Leaves a CPU profile of the server under load, which Chrome's DevTools open, and prints what takes most of it. */

/** The parts that are read here of what V8 writes. */
interface Profile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  /** The node in which each sample was taken. */
  readonly samples: readonly number[];
  /** µs from the sample before. */
  readonly timeDeltas: readonly number[];
}

const FILE = 'a-chat.cpuprofile';
const ROUNDS = 8;
const TOP = 10;

const pairs: Work = { senders: 50, receivers: 1, messages: 20_000, payload: 32, pace: 'blocks' };
const fanOut: Work = { senders: 1, receivers: 100, messages: 5000, payload: 32, pace: 'blocks' };

const server = ownServer(['--cpu-prof', `--cpu-prof-name=${FILE}`]);
const { port, pid, child } = await server.start();
for (let round = 0; round < ROUNDS; round += 1) {
  for (const work of [pairs, fanOut]) {
    const outcome = await load({ wire: server.wire, port, pid, work, limit: 60 });
    if ('fault' in outcome) throw new Error(outcome.fault);
  }
}
const ended = once(child, 'exit');
child.kill('SIGINT');
await ended;

const { nodes, samples, timeDeltas } = JSON.parse(readFileSync(FILE, 'utf8')) as Profile;
const functions = new Map(nodes.map(({ id, callFrame }) => [id, describe(callFrame)]));
const times = new Map<string, number>();
for (const [index, sample] of samples.entries()) {
  const name = functions.get(sample) ?? '?';
  times.set(name, (times.get(name) ?? 0) + (timeDeltas[index] ?? 0));
}
times.delete('(idle)');
const total = [...times.values()].reduce((sum, time) => sum + time, 0);
console.log(`${FILE}: ${(total / 1e6).toFixed(1)} s of ${server.name} under ${ROUNDS} x pairs and fan-out`);
for (const [name, time] of [...times].sort(([, a], [, b]) => b - a).slice(0, TOP)) {
  console.log(`${((time / total) * 100).toFixed(1).padStart(5)} %  ${name}`);
}

/** A function, and where it is. */
function describe({ functionName, url, lineNumber }: Profile['nodes'][number]['callFrame']): string {
  const name = functionName === '' ? '(anonymous)' : functionName;
  if (url === '') return name;
  const place = url.startsWith('file:') ? relative(process.cwd(), fileURLToPath(url)) : url;
  return `${name}  ${place}:${lineNumber + 1}`;
}
