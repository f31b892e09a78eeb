import { closeSync, openSync, readFileSync, readdirSync } from 'node:fs';
import { devNull } from 'node:os';

/** As it was when it mattered last: it seldom changes while the process runs. */
let knownLimit = 0;

/** Files and sockets that this process may have open; `undefined` where the system does not tell. */
function descriptorLimit(): number | undefined {
  try {
    const limit = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1];
    return limit === undefined ? undefined : Number(limit);
  } catch {
    return undefined;
  }
}

/** Of those, the ones that it may still open; `undefined` where the system does not tell. */
export function freeDescriptors(): number | undefined {
  const limit = descriptorLimit();
  return limit === undefined ? undefined : limit - readdirSync('/proc/self/fd').length;
}

/**
 * Whether `count` descriptors, or fewer, are left. Cheaper than counting them: the system gives out the
 * lowest that is free, so that all below it are in use.
 */
export function scarce(count: number): boolean {
  try {
    const lowest = openSync(devNull, 'r');
    closeSync(lowest);
    if (lowest < knownLimit - count) return false;
    // Not known yet, or raised since.
    knownLimit = descriptorLimit() ?? Infinity;
    return lowest >= knownLimit - count;
  } catch (failure) {
    return failure instanceof Error && 'code' in failure && /^E[MN]FILE$/.test(String(failure.code));
  }
}
