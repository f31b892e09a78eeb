import { readFileSync, readdirSync } from 'node:fs';

/** µs in a tick of /proc/PID/stat: its USER_HZ is 100 on every Linux. */
const TICK = 10_000;

/** User and system time of all threads of a process, in µs. */
export function cpuTime(pid: number): number {
  const times = readdirSync(`/proc/${pid}/task`).map((task) =>
    read(`/proc/${pid}/task/${task}/schedstat`, /^(\d+) /),
  );
  const sum = times.reduce<number>((total, time) => total + (time ?? 0), 0) / 1000;
  return sum > 0 ? sum : ticks(pid) * TICK;
}

/** Resident memory of a process, in bytes. */
export function residentSize(pid: number): number {
  return (read(`/proc/${pid}/status`, /^VmRSS:\s+(\d+) kB/m) ?? NaN) * 1024;
}

/** Where a kernel keeps no schedstat. */
function ticks(pid: number): number {
  // The name in parentheses, the second field, may hold anything; utime and stime are the 14th and 15th.
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(fields[11]) + Number(fields[12]);
}

/**
 * The number that `pattern` finds in a file; `undefined` where a thread has just ended, or there is no such
 * file.
 */
function read(path: string, pattern: RegExp): number | undefined {
  try {
    const found = pattern.exec(readFileSync(path, 'latin1'))?.[1];
    return found === undefined ? undefined : Number(found);
  } catch {
    return undefined;
  }
}
