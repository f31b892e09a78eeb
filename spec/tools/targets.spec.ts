import type { Measured } from '../../bench/measure.ts';
import { targets } from '../../bench/targets.ts';

/** The cells of the table that these lines make, without its head. */
function judged(...lines: Measured[]): string[][] {
  const [, , ...body] = targets(lines, 'ours').split('\n');
  return body.map((line) =>
    line
      .slice(2, -2)
      .split(' | ')
      .map((cell) => cell.trim()),
  );
}

function line(row: string, values: Record<string, number[]>): Measured {
  return { row, title: row, unit: '', judged: true, values: new Map(Object.entries(values)) };
}

test('a target is our median over that of the peer', () => {
  const figures = { ours: [9, 3, 1], 'nats-server': [2, 2.5, 8], rust: [8, 9, 10] };
  expect(judged(line('pairs', figures))).toEqual([
    ['pairs', 'nats-server', '1.00', '1.20', 'no'],
    ['pairs', 'rust', '0.35', '0.33', 'yes'],
  ]);
});

test('a target without a peer is our median itself, and is judged as it is shown', () => {
  expect(judged(line('growth', { ours: [1.304] }), line('start', { ours: [1.506] }))).toEqual([
    ['growth', '', '1.30', '1.30', 'yes'],
    ['start', '', '1.50', '1.51', 'no'],
  ]);
});

test('what was not measured is neither met nor missed', () => {
  expect(judged(line('latency', { ours: [40] }))).toEqual([['latency', 'rust', '1.20', '', 'not measured']]);
  expect(judged({ ...line('pairs', { ours: [1] }), judged: false })).toEqual([]);
});
