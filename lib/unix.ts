import { lstat, unlink } from 'node:fs/promises';
import { connect } from 'node:net';

/**
 * Removes the socket at `path` that a process left behind which did not end by itself: the next one could not listen
 * there. What is no socket, and a socket that somebody listens on, stays. Rejects with Node's error where a socket that
 * nobody listens on cannot be removed.
 */
export async function removeStale(path: string): Promise<void> {
  const there = await lstat(path).catch(() => undefined);
  if (there?.isSocket() !== true || !(await isDeserted(path))) return;
  await unlink(path);
}

function isDeserted(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path);
    const done = (deserted: boolean) => {
      probe.destroy();
      resolve(deserted);
    };
    probe
      .once('connect', () => {
        done(false);
      })
      // Anything else, a full queue or a lack of rights, says nothing about who listens.
      .once('error', ({ code }: NodeJS.ErrnoException) => {
        done(code === 'ECONNREFUSED');
      });
  });
}

/**
 * Runs `bind`, which is to bind a Unix socket before it returns: the socket has `mode` from its first moment on, where a
 * `chmod` would come too late for whoever connects at once.
 */
export function withMode(mode: number, bind: () => void): void {
  const before = process.umask(0o777 & ~mode);
  try {
    bind();
  } finally {
    process.umask(before);
  }
}
