import { readFileSync } from 'node:fs';
import type { Figure, Work } from './order.ts';

/** What is done with each server, again in each run, and which figures of that are shown. */
export interface Row {
  readonly name: string;
  /** One after the other in each run. */
  readonly works: readonly [Work, ...Work[]];
  readonly lines: readonly Line[];
  /** Whether each run has a new server. */
  readonly fresh?: boolean;
}

export interface Line {
  readonly title: string;
  readonly unit: string;
  readonly figure: Figure;
  /** Of which of the works; the first unless told otherwise. */
  readonly work?: number;
  /** Divided by the same figure of this work, in the same run. */
  readonly over?: number;
  /** Whether it only says how the other figures came about. */
  readonly aside?: boolean;
  /** Whether it is the one of its row that targets are about. */
  readonly judged?: boolean;
  /** Whether it is a bar of the chart. */
  readonly bar?: boolean;
}

/** The row that no load is for: how long a start takes. */
export const START = 'start';

/** Those for a look whether everything works. */
export const QUICK: readonly string[] = ['pairs', 'fanout', 'blast', 'latency', START];

/** @param share of the messages and connections of a full run */
export function rows(share: number): Row[] {
  const pairs = (senders: number, count: number, payload: number): Work => ({
    ...{ senders, receivers: 1, messages: Math.ceil(count * share), payload },
    pace: 'blocks',
  });
  const fanOut = (receivers: number, count: number): Work => ({
    ...{ senders: 1, receivers, messages: Math.ceil(count * share), payload: 32 },
    pace: 'blocks',
  });
  const lineByLine = (receivers: number): Work => {
    const rate = 20_000 / receivers;
    const messages = Math.ceil(5 * rate * share);
    return { senders: 1, receivers, messages, payload: 32, pace: { rate, warmUp: 0 } };
  };
  const pace = { rate: 20_000, warmUp: share };
  const idle = Math.min(10_000 * share, openFiles() - 500);

  return [
    {
      name: 'pairs',
      works: [pairs(50, 20_000, 32)],
      lines: [cpu('50 pairs, 32 bytes'), ...asides('50 pairs, 32 bytes')],
    },
    {
      name: 'pairs512',
      works: [pairs(50, 20_000, 512)],
      lines: [cpu('50 pairs, 512 bytes'), ...asides('50 pairs, 512 bytes')],
    },
    {
      name: 'fanout',
      works: [fanOut(100, 5000)],
      lines: [cpu('1 sender to 100'), ...asides('1 sender to 100')],
    },
    {
      name: 'fanout1000',
      works: [fanOut(100, 5000), fanOut(1000, 1000)],
      lines: [
        { ...cpu('1 sender to 1000'), work: 1, judged: false, bar: false },
        ratio('1 sender to 1000, over the same to 100'),
      ],
    },
    {
      name: 'line1000',
      works: [lineByLine(100), lineByLine(1000)],
      lines: [
        { ...cpu('a line at a time to 1000'), work: 1, judged: false, bar: false },
        ratio('a line at a time to 1000, over the same to 100'),
      ],
    },
    {
      name: 'blast',
      works: [{ ...pairs(50, 4000, 32), pace: 'single' }],
      lines: [cpu('50 pairs, a write per message'), ...asides('50 pairs, a write per message')],
    },
    {
      name: 'latency',
      // 1 s to warm up, and 5 s.
      works: [{ ...pairs(50, (6 * pace.rate) / 50, 32), pace }],
      lines: [
        { title: 'latency at 20,000 messages/s, p50', unit: 'µs', figure: 'p50', judged: true },
        { title: 'latency at 20,000 messages/s, p99', unit: 'µs', figure: 'p99' },
        { title: 'how late the load was itself, p99', unit: 'µs', figure: 'late', aside: true },
      ],
    },
    {
      name: 'memory',
      works: [{ idle }],
      lines: [
        { title: `idle connection, of ${idle}`, unit: 'KiB of memory', figure: 'memory', judged: true },
      ],
      fresh: true,
    },
    {
      name: 'growth',
      works: [pairs(50, 20_000, 32), pairs(2500, 400, 32)],
      lines: [
        { ...cpu('2500 pairs, 32 bytes'), work: 1, judged: false, bar: false },
        ratio('2500 pairs, over as many messages of 50 pairs'),
      ],
    },
  ];
}

function cpu(title: string): Line {
  return { title, unit: 'µs CPU per delivery', figure: 'cpu', judged: true, bar: true };
}

function ratio(title: string): Line {
  return { title, unit: 'times', figure: 'cpu', work: 1, over: 0, judged: true };
}

function asides(title: string): Line[] {
  return [
    { title, unit: 'thousand deliveries/s', figure: 'rate', aside: true },
    { title: `the load itself, ${title}`, unit: 'µs CPU per delivery', figure: 'own', aside: true },
  ];
}

/** Files that one process may have open. Node raises the soft limit to the hard one. */
function openFiles(): number {
  const limits = readFileSync('/proc/self/limits', 'latin1');
  return Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? 1024);
}
