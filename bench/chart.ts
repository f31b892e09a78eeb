import type { Measured } from './measure.ts';
import { short } from './report.ts';
import { median } from './stats.ts';

/** Sizes in px. */
const WIDTH = 760;
const BAR = 16;
const GAP = 5;
const GROUP_GAP = 18;
const TOP = 34;
const BARS_AT = 320;
const LONGEST = 360;

/** One grey for text and colours for bars that are readable on white and on black. */
const TEXT = '#7d8590';
const COLOURS = ['#2f81f7', '#8b949e', '#b0796a', '#8a7fb5', '#5f9e7a', '#a89a4e'];

/** Horizontal bars in groups, each group to its own scale, as an SVG. */
export function chart(lines: readonly Measured[], names: readonly string[]): string {
  const parts: string[] = [];
  let y = TOP;
  for (const { title, values } of lines.filter(({ bar }) => bar === true)) {
    const bars = names.flatMap((name, place) => {
      const known = values.get(name) ?? [];
      return known.length === 0 ? [] : [{ name, place, value: median(known) }];
    });
    const longest = Math.max(...bars.map(({ value }) => value));
    parts.push(text(0, y, title, 'font-weight="600"'));
    for (const { name, place, value } of bars) {
      const width = ((value / longest) * LONGEST).toFixed(1);
      parts.push(
        text(BARS_AT - 8, y, name, 'text-anchor="end"'),
        `<rect x="${BARS_AT}" y="${y}" width="${width}" height="${BAR}" rx="2" fill="${COLOURS[place] ?? TEXT}"/>`,
        text(BARS_AT + Number(width) + 6, y, short(value)),
      );
      y += BAR + GAP;
    }
    y += GROUP_GAP - GAP;
  }
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y}" width="${WIDTH}" height="${y}" ` +
      `font-family="system-ui, sans-serif" font-size="13" fill="${TEXT}" role="img">`,
    '<title>CPU time per delivery</title>',
    text(0, 0, 'CPU time of the server per delivery, µs: shorter is better. Each group has its own scale.'),
    ...parts,
    '</svg>',
    '',
  ].join('\n');
}

/** Text beside a bar whose upper edge is at `y`. */
function text(x: number, y: number, content: string, attributes = ''): string {
  const safe = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<text x="${x}" y="${y + BAR - 4}" ${attributes}>${safe}</text>`.replace(' >', '>');
}
