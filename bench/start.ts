import { fileURLToPath } from 'node:url';
import { launch, stop } from './children.ts';
import type { Measured } from './measure.ts';
import { START } from './rows.ts';
import { OWN } from './servers.ts';

const EMPTY = [fileURLToPath(new URL('empty.js', import.meta.url))];

/** From the command to listening, in turn with an empty program that listens. */
export async function measureStart(name: string, times: number): Promise<Measured[]> {
  const own: number[] = [];
  const empty: number[] = [];
  for (let time = 0; time < times; time += 1) {
    own.push(await start(OWN));
    empty.push(await start(EMPTY));
  }
  const line = (title: string, unit: string, values: readonly number[], judged = false) => ({
    ...{ row: START, title, unit, judged },
    values: new Map([[name, values]]),
  });
  return [
    line('start, until it listens', 'ms', own),
    line('start of an empty Node script that listens', 'ms', empty),
    line(
      'start, over that of the empty script',
      'times',
      own.map((milliseconds, time) => milliseconds / (empty[time] ?? NaN)),
      true,
    ),
  ];
}

/** ms until a program says that it listens. */
async function start(args: readonly string[]): Promise<number> {
  const began = performance.now();
  const child = launch('server', [process.execPath, ...args], ['ignore', 'pipe', 'inherit']);
  try {
    return await new Promise((resolve, reject) => {
      let said = '';
      child.stdout?.on('data', (chunk: Buffer) => {
        said += chunk.toString();
        if (said.includes('listening')) resolve(performance.now() - began);
      });
      child.once('error', reject);
      child.once('exit', () => {
        reject(new Error(`ended before it listened: ${said}`));
      });
    });
  } finally {
    await stop(child);
  }
}
