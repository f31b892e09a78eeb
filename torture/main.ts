import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { Authority } from '../spec/support/certificates.ts';
import { mebi } from './memory.ts';
import { type Outcome, type Tls, run } from './run.ts';
import { scenarios } from './scenarios.ts';

/** Shuts the real program down under misbehaving peers, over and over, and counts what was lost. */

function whole(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('must be a whole number');
  return Number(text);
}

const names = Object.keys(scenarios);
const command = new Command('torture')
  .option('--runs <number>', 'how many', whole, names.length)
  .option('--seed <number>', 'of the first run; each later one has the next', whole, Date.now() % 1_000_000)
  .option('--scenario <name>', `one of ${names.join(', ')}; by default all in turn`)
  .option('--tls', 'over TLS, with certificates that openssl makes')
  .parse();
const options = command.opts<{ runs: number; seed: number; scenario?: string; tls?: true }>();

const folder = mkdtempSync(join(tmpdir(), 'torture-'));
const tls = options.tls === true ? withCertificates() : undefined;
const totals = { runs: 0, failed: 0, accepted: 0, received: 0, abandoned: 0, lost: 0, late: 0 };

for (let index = 0; index < options.runs; index += 1) {
  const seed = options.seed + index;
  const name = options.scenario ?? names[seed % names.length] ?? '';
  const scenario = scenarios[name];
  if (scenario === undefined) throw new RangeError(`no scenario '${name}'`);
  const outcome = await run(scenario, seed, tls).catch(failed);
  const { accepted, received, abandoned, lost, isLate, faults, trouble } = outcome;
  totals.runs += 1;
  totals.accepted += accepted;
  totals.received += received;
  totals.abandoned += abandoned;
  totals.lost += lost;
  totals.late += Number(isLate);
  console.log(
    `${name} (${trouble === undefined ? '' : `${trouble}, `}seed ${seed}): accepted ${accepted}, received ${received}, abandoned ${abandoned}, ` +
      `${timesOf(outcome)}, ${mebi(outcome.memory)}: ${faults.length === 0 ? 'ok' : 'FAILED'}`,
  );
  if (faults.length === 0) continue;
  totals.failed += 1;
  for (const fault of faults.slice(0, 20)) console.log(`  ${fault}`);
  console.log(
    `  again: npm run torture -- ${tls === undefined ? '' : '--tls '}--scenario ${name} --seed ${seed} --runs 1`,
  );
}
console.log(
  `${totals.runs} runs, ${totals.accepted} messages accepted, ${totals.received} received, ` +
    `${totals.abandoned} abandoned and named, ` +
    `${totals.lost} lost, ${totals.late} late; ${totals.failed} runs failed`,
);
rmSync(folder, { recursive: true });
process.exitCode = totals.failed === 0 ? 0 : 1;

function withCertificates(): Tls {
  const authority = new Authority(folder);
  const { cert, key } = authority.issue('server');
  return { options: ['--tls-cert', cert, '--tls-key', key], ca: authority.ca };
}

function timesOf({ drained, deadline, exited }: Outcome): string {
  const drain = drained === undefined ? 'drained unseen' : `drained in ${drained.toFixed(2)} s`;
  return `${drain} of ${deadline}, ended after ${exited.toFixed(2)} s`;
}

function failed(failure: unknown): Outcome {
  const nothing = { accepted: 0, received: 0, abandoned: 0, lost: 0, memory: 0 };
  const times = { drained: undefined, deadline: 0, exited: 0, isLate: false, trouble: undefined };
  return { ...nothing, ...times, faults: [String(failure)] };
}
