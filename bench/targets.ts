import { markdownTable } from './markdown.ts';
import type { Measured } from './measure.ts';
import { short } from './report.ts';
import { median } from './stats.ts';

/**
 * What the server is to hold, of a row's judged line: our figure over a peer's, or, with none, our figure
 * itself.
 */
interface Target {
  readonly row: string;
  readonly against?: string;
  readonly most: number;
}

/** `rust` is a server that is given as such: `--peer 'rust=...'`. */
const TARGETS: readonly Target[] = [
  { row: 'pairs', against: 'nats-server', most: 1 },
  { row: 'pairs', against: 'rust', most: 0.35 },
  { row: 'pairs512', against: 'nats-server', most: 1.3 },
  { row: 'fanout', against: 'nats-server', most: 1.5 },
  { row: 'blast', against: 'nats-server', most: 1 },
  { row: 'latency', against: 'rust', most: 1.2 },
  { row: 'memory', against: 'redis-server', most: 1 },
  { row: 'growth', most: 1.3 },
  { row: 'line1000', most: 1.1 },
  { row: 'fanout1000', most: 1.1 },
  { row: 'start', most: 1.5 },
];

/** The targets of the rows that were measured, judged by medians, as a table. Nothing fails for them. */
export function targets(lines: readonly Measured[], own: string): string {
  const body = TARGETS.flatMap((target) => {
    const line = lines.find(({ row, judged }) => judged === true && row === target.row);
    return line === undefined ? [] : [judge(target, line, own)];
  });
  return markdownTable(['work', 'our figure over that of', 'at most', 'measured', 'met'], body, 2);
}

function judge({ against, most }: Target, { title, values }: Measured, own: string): string[] {
  const of = (name: string) => median(values.get(name) ?? []);
  // As it is shown, so that nobody reads of a 1.00 that is over 1.00.
  const measured = short(against === undefined ? of(own) : of(own) / of(against));
  const met = measured === '' ? 'not measured' : Number(measured) <= most ? 'yes' : 'no';
  return [title, against ?? '', short(most), measured, met];
}
