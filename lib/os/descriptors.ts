import { closeSync, openSync, readFileSync, readdirSync } from 'node:fs';
import { devNull } from 'node:os';

/** The limit as it was last read. It seldom changes while the process runs. */
let knownLimit = 0;

/** Descriptors that this process may have open; `undefined` where the system does not tell. */
function descriptorLimit(): number | undefined {
  try {
    const limit = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1];
    return limit === undefined ? undefined : Number(limit);
  } catch {
    return undefined;
  }
}

/** Descriptors that this process may still open; `undefined` where the system does not tell. */
export function freeDescriptors(): number | undefined {
  const limit = descriptorLimit();
  return limit === undefined ? undefined : limit - readdirSync('/proc/self/fd').length;
}

/**
 * Whether `count` descriptors, or fewer, are left. The system gives out the lowest free descriptor, so that
 * all below it are in use. To ask for one is cheaper than to count them.
 */
export function scarce(count: number): boolean {
  try {
    const lowest = openSync(devNull, 'r');
    closeSync(lowest);
    if (lowest < knownLimit - count) return false;
    // The limit is not known yet, or was raised.
    knownLimit = descriptorLimit() ?? Infinity;
    return lowest >= knownLimit - count;
  } catch (failure) {
    return failure instanceof Error && 'code' in failure && /^E[MN]FILE$/.test(String(failure.code));
  }
}
