import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { find } from './find.ts';

/** The processes of a benchmark. None outlives it, however it ends, short of a SIGKILL. */

const running = new Set<ChildProcess>();
const folder = mkdtempSync(join(tmpdir(), 'a-chat-bench-'));

process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => process.exit(128 + constants.signals[signal]));
}

/** The server and the load have a core each, so that neither takes time from the other. */
export type Core = 'server' | 'load';

const taskset = find('taskset');
const cores = allowedCores();
/** Whether processes are pinned: where there is something to pin with, and to. */
export const pinned = taskset !== undefined && cores.length >= 2;

export function launch(core: Core, command: readonly string[], stdio: StdioOptions): ChildProcess {
  const [program = '', ...args] =
    taskset !== undefined && pinned
      ? [taskset, '-c', String(cores[core === 'server' ? 0 : 1]), ...command]
      : command;
  const child = spawn(program, args, { stdio, env: cleanEnvironment() });
  running.add(child);
  child.once('exit', () => running.delete(child));
  child.once('error', () => running.delete(child));
  return child;
}

/** Kills: there is nothing in these processes to be saved. */
export async function stop(child: ChildProcess): Promise<void> {
  if (!running.has(child)) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

/** Where files for servers go. */
export function temporary(name: string): string {
  return join(folder, name);
}

/** The server has its defaults, whatever is set for the one that is used here. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('A_CHAT_')));
}

/** Numbers of the cores this process may use: `0-1,4` is 0, 1 and 4. */
function allowedCores(): number[] {
  try {
    const list = /^Cpus_allowed_list:\s+(\S+)/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1] ?? '';
    return list.split(',').flatMap((range) => {
      const [first = NaN, last = first] = range.split('-').map(Number);
      return Array.from({ length: last - first + 1 }, (_, index) => first + index);
    });
  } catch {
    return [];
  }
}
