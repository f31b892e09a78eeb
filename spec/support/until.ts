/**
 * ms that is waited for what must come: ten times what is seen where other processes take most of the
 * machine.
 */
const PATIENCE = 60_000;

/**
 * Waits for a condition, never for a fixed time; fails after `limit` ms with what it waited for. A condition
 * that measures holds at last: other processes may spoil a measurement, but not each of them.
 */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string | (() => string),
  limit = PATIENCE,
): Promise<void> {
  const deadline = performance.now() + limit;
  while (!(await condition())) {
    if (performance.now() > deadline) {
      throw new Error(`waited ${limit} ms for ${typeof what === 'string' ? what : what()}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
