import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { hotspots } from './hotspots.ts';
import { machine } from './machine.ts';
import { load } from './measure.ts';
import { oneOf, whole } from './options.ts';
import type { Work } from './order.ts';
import { rows } from './rows.ts';
import { ownServer } from './servers.ts';

/**
 * Leaves CPU profiles of the server under load, which Chrome's DevTools open, and prints what takes most of
 * each; a run of all the works writes that to bench/PROFILE.md too.
 */

/** Rows of the benchmark, of which the last work is profiled. */
const WORKS: readonly string[] = ['pairs', 'pairs512', 'fanout1000'];
const PAGE = fileURLToPath(new URL('PROFILE.md', import.meta.url));

const { works, rounds } = new Command('profile')
  .option('--works <names>', `some of ${WORKS.join(',')}`, oneOf(WORKS))
  .option('--rounds <number>', 'of each work', whole, 8)
  .parse()
  .opts<{ works?: string[]; rounds: number }>();

const parts: string[] = [];
for (const { name, works: all, lines } of rows(1).filter(({ name }) => (works ?? WORKS).includes(name))) {
  const work = all.at(-1);
  if (work === undefined) continue;
  const file = `a-chat.${name}.cpuprofile`;
  await profile(work, file);
  const part = `## ${lines[0]?.title ?? name}\n\n${hotspots(file)}`;
  console.log(`${part}\n\n${file} opens in the Performance panel of Chrome's DevTools.\n`);
  parts.push(part);
}
if (works === undefined) {
  const method =
    `What takes most of the server's CPU time, without its callees, in ${rounds} rounds of each work after one ` +
    'another in one process, its start among them. Functions are given with the file that they were bundled from.';
  const page = ['# Profiled', '`npm run profile`', machine([ownServer()], []), method, ...parts];
  writeFileSync(PAGE, `${page.join('\n\n')}\n`);
}

/** Has a server of its own carry out a work again and again, and write its profile as it ends. */
async function profile(work: Work, file: string): Promise<void> {
  const server = ownServer(['--cpu-prof', `--cpu-prof-name=${file}`]);
  const { port, pid, child } = await server.start();
  for (let round = 0; round < rounds; round += 1) {
    const outcome = await load({ wire: server.wire, port, pid, work, limit: 60 });
    if ('fault' in outcome) throw new Error(outcome.fault);
  }
  const ended = once(child, 'exit');
  child.kill('SIGINT');
  await ended;
}
