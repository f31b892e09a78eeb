import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command, InvalidArgumentError } from 'commander';
import { chart } from './chart.ts';
import { machine } from './machine.ts';
import { type Measured, measure } from './measure.ts';
import { tables } from './report.ts';
import { QUICK, rows } from './rows.ts';
import { PEERS, findPeers, ownServer, scrapedServer } from './servers.ts';
import { measureStart } from './start.ts';

/** Measures the built server, and beside it the peers that are installed. */

interface Options {
  readonly quick?: true;
  readonly runs: number;
  readonly rows?: string[];
  readonly peers: string[];
  readonly admin?: true;
  readonly out?: string;
}

const HERE = fileURLToPath(new URL('.', import.meta.url));
const START = 'start';
const names = [...rows(1).map(({ name }) => name), START];
const command = new Command('bench')
  .option(
    '--quick',
    'one run of a few rows with few messages; writes nothing, fails for wrong deliveries only',
  )
  .option('--runs <number>', 'of each row', whole, 5)
  .option('--rows <names>', `some of ${names.join(',')}`, oneOf(names))
  .option(
    '--peers <names>',
    `some of ${Object.keys(PEERS).join(',')}, or none`,
    peerNames,
    Object.keys(PEERS),
  )
  .option('--admin', 'beside it the same with its admin endpoint, scraped every second')
  .option(
    '--out <folder>',
    'where RESULTS.md and results.svg go; by default a run of all rows writes to bench',
  )
  .parse();
const options = command.opts<Options>();

const own = ownServer();
const { peers, absent } = await findPeers(options.peers);
if (options.admin === true) peers.push(scrapedServer());
const about = machine([own, ...peers], absent);
console.log(`${about}\n`);

const quick = options.quick === true;
const faults: string[] = [];
const lines: Measured[] = [];
const plan = {
  runs: quick ? 1 : options.runs,
  warmUp: !quick,
  limit: quick ? 10 : 60,
  fault: (what: string) => {
    faults.push(what);
    console.log(`FAILED: ${what}`);
  },
};
const chosen = options.rows ?? (quick ? QUICK : names);
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
const result = `${tables(lines, servers)}\n\n${verdict}\n`;
console.log(result);

const folder = options.out ?? (options.rows === undefined ? HERE : undefined);
if (folder !== undefined && !quick) {
  mkdirSync(folder, { recursive: true });
  const method =
    `Median [least-most] of ${plan.runs} runs, the servers in turn in each; the ratio is ours to the peer, ` +
    'and below 1 we need less.';
  const again = ['npm run bench', ...process.argv.slice(2)].join(' ').replace(' --', ' -- --');
  writeFileSync(
    join(folder, 'RESULTS.md'),
    ['# Measured', `\`${again}\``, about, method, result].join('\n\n'),
  );
  writeFileSync(join(folder, 'results.svg'), chart(lines, servers));
}
process.exitCode = faults.length === 0 ? 0 : 1;

function whole(text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new InvalidArgumentError('must be a whole number above 0');
  return Number(text);
}

function oneOf(known: readonly string[]): (text: string) => string[] {
  return (text) => {
    const given = text.split(',');
    const unknown = given.find((name) => !known.includes(name));
    if (unknown !== undefined) throw new InvalidArgumentError(`there is no '${unknown}'`);
    return given;
  };
}

function peerNames(text: string): string[] {
  return text === 'none' ? [] : oneOf(Object.keys(PEERS))(text);
}
