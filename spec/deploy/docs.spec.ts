import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { EXIT_CODES, codeOfSignal } from '../../lib/cli/exit-codes.ts';
import { Meter } from '../../lib/operate/meter.ts';
import { metricsOf } from '../../lib/operate/metrics.ts';

const page = readFileSync('docs/operating.md', 'utf8');

test('the table of settings is what the code says', () => {
  expect(spawnSync('node', ['scripts/tables.js', '--check'], { encoding: 'utf8' })).toMatchObject({
    status: 0,
    stderr: '',
  });
});

test('the table of metrics has each of them, and no other', async () => {
  const registry = await metricsOf(new Meter());
  const names = registry.getMetricsAsArray().map(({ name }) => name);
  const own = names.filter((name) => name.startsWith('a_chat_'));
  const rows = page.split('\n').filter((line) => line.startsWith('| `a_chat_'));
  const documented = rows.flatMap((row) => row.match(/a_chat_\w+/g) ?? []);
  expect(documented.sort()).toEqual(own.sort());
});

test('the table of exit codes has each of them, and no other', () => {
  const chapter = /## Exit codes\n[^]*/.exec(readFileSync('docs/scripts.md', 'utf8'))?.[0] ?? '';
  const cells = Array.from(chapter.matchAll(/^\| (\d[\d, ]*?) *\|/gm), ([, codes = '']) => codes);
  const signals = ['SIGINT', 'SIGQUIT', 'SIGTERM'] as const;
  const codes = [...Object.values(EXIT_CODES), ...signals.map(codeOfSignal)];
  expect(cells.flatMap((cell) => cell.split(', ').map(Number))).toEqual(codes);
});
