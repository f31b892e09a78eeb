/** Waits for a condition, never for a fixed time; fails after `limit` ms with what it waited for. */
export async function until(
  condition: () => boolean,
  what: string | (() => string),
  limit = 10_000,
): Promise<void> {
  const deadline = performance.now() + limit;
  while (!condition()) {
    if (performance.now() > deadline) {
      throw new Error(`waited ${limit} ms for ${typeof what === 'string' ? what : what()}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
