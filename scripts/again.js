import { spawn, spawnSync } from 'node:child_process';
import console from 'node:console';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import process from 'node:process';

/**
 * Runs the tests, or those of some files, so many times beside a process that takes all the time it gets,
 * each time with other random inputs. Says what failed, and how often: it exits with 0 where nothing did.
 */
const [times = '20', ...args] = process.argv.slice(2);

const folder = mkdtempSync(join(tmpdir(), 'a-chat-'));
const report = join(folder, 'report.json');
// Ends with this process, however that ends.
const load = spawn(process.execPath, ['-e', `while (process.ppid === ${process.pid});`], { stdio: 'ignore' });
const failures = new Map();
let green = 0;

/** The names of the tests that failed in the run that was reported; why, where there is no report. */
function failed() {
  if (!existsSync(report)) return ['jest made no report'];
  const { testResults } = JSON.parse(readFileSync(report, 'utf8'));
  return testResults.flatMap(({ name, status, assertionResults }) => {
    const tests = assertionResults.filter((test) => test.status === 'failed');
    const names = tests.map(({ fullName }) => `${name}: ${fullName}`);
    return status === 'failed' && names.length === 0 ? [`${name}: did not run`] : names;
  });
}

for (let run = 1; run <= Number(times); run += 1) {
  rmSync(report, { force: true });
  const began = performance.now();
  const jest = ['node_modules/.bin/jest', '--json', `--outputFile=${report}`, ...args];
  const { status } = spawnSync(process.execPath, jest, {
    stdio: ['ignore', 'ignore', 'ignore'],
    env: { ...process.env, SEED: String(run) },
  });
  const names = failed();
  if (status === 0) green += 1;
  for (const name of names) failures.set(name, (failures.get(name) ?? 0) + 1);
  const seconds = ((performance.now() - began) / 1000).toFixed();
  console.log([`run ${run}: ${status === 0 ? 'green' : 'failed'} in ${seconds} s`, ...names].join('\n  '));
}

load.kill();
rmSync(folder, { recursive: true });
console.log(`${green} of ${times} green`);
for (const [name, count] of failures) console.log(`  ${count} times: ${name}`);
process.exitCode = green === Number(times) ? 0 : 1;
