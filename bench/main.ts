import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chart } from './chart.ts';
import { machine } from './machine.ts';
import { type Measured, measure } from './measure.ts';
import { ROWS, again, readOptions } from './options.ts';
import { tables } from './report.ts';
import { QUICK, START, rows } from './rows.ts';
import {
  commandServer,
  findPeers,
  messageOf,
  ownServer,
  scrapedServer,
  tlsServer,
  tryOut,
} from './servers.ts';
import { measureStart } from './start.ts';
import { targets } from './targets.ts';

/** Measures the built server, and beside it the peers that are installed or given. */

const HERE = fileURLToPath(new URL('.', import.meta.url));
const options = readOptions();

const own = ownServer();
const { peers, absent } = await findPeers(options.peers);
for (const [label, command] of options.peer) {
  const peer = commandServer(label, command);
  try {
    await tryOut(peer);
  } catch (failure) {
    console.error(`--peer ${label}: ${messageOf(failure)}`);
    process.exit(1);
  }
  peers.push(peer);
}
if (options.admin === true) peers.push(scrapedServer());
if (options.tls === true) peers.push(tlsServer());
const about = machine([own, ...peers], absent);
console.log(`${about}\n`);

const quick = options.quick === true;
const faults: string[] = [];
/** Rows without figures, by the peer and the reason. */
const gaps = new Map<string, string[]>();
const lines: Measured[] = [];
const plan = {
  runs: quick ? 1 : options.runs,
  warmUp: !quick,
  limit: quick ? 10 : 60,
  fault: (what: string) => {
    faults.push(what);
    console.log(`FAILED: ${what}`);
  },
  gap: (row: string, peer: string, why: string) => {
    const reason = `${peer}: ${why}`;
    gaps.set(reason, [...(gaps.get(reason) ?? []), row]);
    console.error(`no figures: ${row}, ${peer}: ${why}`);
  },
};
const chosen = options.rows ?? (quick ? QUICK : ROWS);
for (const row of rows(quick ? 0.1 : 1).filter(({ name }) => chosen.includes(name))) {
  console.error(`${row.name} ...`);
  lines.push(...(await measure(row, [own, ...peers], plan)));
}
if (chosen.includes(START)) {
  console.error(`${START} ...`);
  lines.push(...(await measureStart(own.name, quick ? 3 : Math.max(10, options.runs))));
}

const verdict =
  faults.length === 0
    ? 'Every delivery of every run was verified: receiver, sender, content, order, none missing, none twice.'
    : `${faults.length} runs failed:\n\n${faults.map((fault) => `- ${fault}`).join('\n')}`;
const servers = [own, ...peers].map(({ name }) => name);
const reasons = [...gaps].map(([reason, rows]) => `- ${reason} (${rows.join(', ')})`);
const missing = reasons.length === 0 ? [] : [`Where a - is:\n\n${reasons.join('\n')}`];
const goals = `## Targets\n\n${targets(lines, own.name)}`;
const result = [tables(lines, servers), ...missing, verdict, `${goals}\n`].join('\n\n');
console.log(result);

const folder = options.out ?? (options.rows === undefined ? HERE : undefined);
if (folder !== undefined && !quick) {
  mkdirSync(folder, { recursive: true });
  const method =
    `Median [least-most] of ${plan.runs} runs, the servers in turn in each; the ratio is ours to the peer, ` +
    'and below 1 we need less.';
  writeFileSync(
    join(folder, 'RESULTS.md'),
    ['# Measured', `\`${again()}\``, about, method, result].join('\n\n'),
  );
  writeFileSync(join(folder, 'results.svg'), chart(lines, servers));
}
process.exitCode = faults.length === 0 ? 0 : 1;
