import { linkSync, lstatSync, renameSync, rmSync, statSync, unlinkSync } from 'node:fs';
import { type Server, connect } from 'node:net';
import { MAX_PATH_BYTES } from '../settings/socket-path.ts';

/** Tries to put a socket into a place from which one that was left behind was just removed. */
const TRIES = 10;

/** Characters of a name that nobody else has. */
const UNIQUE = 8;

/**
 * Has `server` listen at `path`, with `mode` from the first moment on. It takes the place of a socket that a
 * process left behind which did not end by itself, and of nothing else. Rejects with Node's error where it
 * cannot. Resolves with what takes the socket away, unless it is another one by then; closing the server does
 * not.
 *
 * @param listen has the server listen at the path that it is given
 */
export async function listenAt(
  server: Server,
  path: string,
  mode: number,
  listen: (path: string) => void,
): Promise<() => void> {
  checkFolder(path);
  // libuv removes whatever is at the path that it bound, when it closes. And a socket in its place listens at
  // once.
  const birthplace = besides(path);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('listening', resolve).once('error', reject);
      withMode(mode, () => {
        listen(birthplace);
      });
    });
    const { dev, ino } = lstatSync(birthplace);
    await put(birthplace, path);
    return () => {
      const there = lstatSync(path, { throwIfNoEntry: false });
      if (there?.dev === dev && there.ino === ino) rmSync(path, { force: true });
    };
  } catch (failure) {
    if (failure instanceof Error) failure.message = failure.message.replaceAll(birthplace, path);
    throw failure;
  } finally {
    rmSync(birthplace, { force: true });
  }
}

/** Throws Node's error where there is no folder for a socket at `path`: libuv says that access is denied. */
export function checkFolder(path: string): void {
  statSync(folderOf(path) || '.');
}

/** Gives a socket another name, under which nothing may be but one that nobody listens on. */
async function put(birthplace: string, path: string): Promise<void> {
  for (let left = TRIES; left > 0; left -= 1) {
    try {
      linkSync(birthplace, path);
      return;
    } catch (failure) {
      if ((failure as NodeJS.ErrnoException).code !== 'EEXIST') throw failure;
    }
    if (!(await removeStale(path))) break;
  }
  const message = `listen EADDRINUSE: address already in use ${path}`;
  throw Object.assign(new Error(message), { code: 'EADDRINUSE', syscall: 'listen' });
}

/** Removes a socket that nobody listens on. What is no socket, and one that somebody listens on, stays. */
async function removeStale(path: string): Promise<boolean> {
  const there = lstatSync(path, { throwIfNoEntry: false });
  if (there === undefined) return true;
  if (!there.isSocket() || !(await isDeserted(path))) return false;
  // Another server may have found the same, and be there by now: what was looked at is taken away, or
  // nothing.
  const aside = besides(path);
  try {
    renameSync(path, aside);
  } catch (failure) {
    if ((failure as NodeJS.ErrnoException).code === 'ENOENT') return true;
    throw failure;
  }
  const { dev, ino } = lstatSync(aside);
  const isStale = dev === there.dev && ino === there.ino;
  if (!isStale) linkSync(aside, path);
  unlinkSync(aside);
  return isStale;
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

/** A path in the same folder of which nobody knows, no longer than a path may be. */
function besides(path: string): string {
  const folder = folderOf(path);
  const room = Math.min(UNIQUE, MAX_PATH_BYTES - Buffer.byteLength(folder));
  return folder + crypto.randomUUID().slice(0, room);
}

/** With the slash at its end. */
function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/') + 1);
}

/**
 * `bind` is to bind a Unix socket before it returns: a `chmod` would come too late for whoever connects at
 * once.
 */
function withMode(mode: number, bind: () => void): void {
  const before = process.umask(0o777 & ~mode);
  try {
    bind();
  } finally {
    process.umask(before);
  }
}
