import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { markdownTable } from './markdown.ts';

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

const TOP = 10;

/** Lines of each file that functions are in. */
const bundles = new Map<string, string[]>();

/** The functions with the most time of their own, as a table; a profile is what `file` holds. */
export function hotspots(file: string): string {
  const { nodes, samples, timeDeltas } = JSON.parse(readFileSync(file, 'utf8')) as Profile;
  // What nothing ran in is no part of the whole.
  const busy = nodes.filter(({ callFrame }) => callFrame.functionName !== '(idle)');
  const functions = new Map(busy.map(({ id, callFrame }) => [id, describe(callFrame)]));
  const times = new Map<string, number>();
  for (const [index, sample] of samples.entries()) {
    const name = functions.get(sample);
    if (name === undefined) continue;
    times.set(name, (times.get(name) ?? 0) + (timeDeltas[index] ?? 0));
  }
  const total = [...times.values()].reduce((sum, time) => sum + time, 0);
  const most = [...times].sort(([, a], [, b]) => b - a).slice(0, TOP);
  return markdownTable(
    ['function', 'self time, %'],
    most.map(([name, time]) => [name, ((time / total) * 100).toFixed(1)]),
    1,
  );
}

/** A function, and the file it comes from. */
function describe({ functionName, url, lineNumber }: Profile['nodes'][number]['callFrame']): string {
  const name = functionName === '' ? '(anonymous)' : functionName;
  if (url === '') return `\`${name}\``;
  const place = url.startsWith('file:') ? sourceOf(fileURLToPath(url), lineNumber) : url;
  return `\`${name}\` ${place}`;
}

/** The file that a line was bundled from: esbuild names each in a comment above what it took from it. */
function sourceOf(path: string, line: number): string {
  const lines = bundles.get(path) ?? readFileSync(path, 'utf8').split('\n');
  bundles.set(path, lines);
  const named = lines.slice(0, line + 1).findLast((text) => /^\/\/ (lib|node_modules)\/\S+$/.test(text));
  return named?.slice('// '.length) ?? relative(process.cwd(), path);
}
