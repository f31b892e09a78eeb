import { markdownTable } from './markdown.ts';
import type { Measured } from './measure.ts';
import { median } from './stats.ts';

/** A table in Markdown: our median [least-most], and each peer's with the ratio of ours to it. */
function table(lines: readonly Measured[], [own = '', ...peers]: readonly string[]): string {
  const head = ['work', 'unit', own, ...peers.flatMap((peer) => [peer, 'ratio'])];
  const body = lines.map(({ title, unit, values }) => {
    const ours = values.get(own) ?? [];
    const others = peers.flatMap((peer) => {
      const theirs = values.get(peer) ?? [];
      return theirs.length === 0 ? ['-', ''] : [spread(theirs), short(median(ours) / median(theirs))];
    });
    return [title, unit, spread(ours), ...others];
  });
  return markdownTable(head, body, 2);
}

/** Both tables: what is judged, and what explains it. The first of `servers` is ours. */
export function tables(lines: readonly Measured[], servers: readonly string[]): string {
  const asides = lines.filter(({ aside }) => aside === true);
  const parts = [
    table(
      lines.filter((line) => !asides.includes(line)),
      servers,
    ),
  ];
  if (asides.length > 0) parts.push('How they came about:', table(asides, servers));
  return parts.join('\n\n');
}

/** Three digits that count. */
export function short(value: number): string {
  if (Number.isNaN(value)) return '';
  return value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0);
}

function spread(values: readonly number[]): string {
  if (values.length === 0) return 'failed';
  const middle = short(median(values));
  if (values.length === 1) return middle;
  return `${middle} [${short(Math.min(...values))}-${short(Math.max(...values))}]`;
}
