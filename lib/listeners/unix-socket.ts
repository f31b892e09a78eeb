import { linkSync, lstatSync, renameSync, rmSync, statSync, unlinkSync } from 'node:fs';
import { type Server, connect } from 'node:net';
import { MAX_PATH_BYTES } from '../settings/socket-path.ts';

/** Tries to link a socket to its path, while others may put theirs there. */
const MAX_LINK_TRIES = 10;

/** Characters of a unique file name. */
const UNIQUE_NAME_LENGTH = 8;

/**
 * Has `server` listen at `path`, with `mode` from the first moment on. The socket replaces one that a killed
 * process left behind, and nothing else. Rejects with Node's error where it cannot. Resolves with a function
 * that removes the socket, unless another one is there by then. Closing the server does not remove it.
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
  // When it closes, libuv removes whatever is at the path that it bound. So the socket is bound elsewhere,
  // and linked to its place when it listens.
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

/** Throws Node's error where the folder of `path` does not exist. libuv would say that access is denied. */
export function checkFolder(path: string): void {
  statSync(folderOf(path) || '.');
}

/**
 * Links a socket to `path`. A socket there is replaced if nobody listens on it; anything else is an error.
 */
async function put(birthplace: string, path: string): Promise<void> {
  for (let left = MAX_LINK_TRIES; left > 0; left -= 1) {
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

/**
 * Removes a socket that nobody listens on. Returns whether `path` is free. Other files, and sockets that
 * somebody listens on, stay.
 */
async function removeStale(path: string): Promise<boolean> {
  const there = lstatSync(path, { throwIfNoEntry: false });
  if (there === undefined) return true;
  if (!there.isSocket() || !(await isDeserted(path))) return false;
  // Another server may have found the same, and have its socket there by now. So the file is moved aside, and
  // put back if it is another one.
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

/** Whether nobody listens on the socket at `path`. */
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
      // Any other error, a full queue or a lack of rights, says nothing about who listens.
      .once('error', ({ code }: NodeJS.ErrnoException) => {
        done(code === 'ECONNREFUSED');
      });
  });
}

/** An unused path in the same folder, no longer than a path may be. */
function besides(path: string): string {
  const folder = folderOf(path);
  const room = Math.min(UNIQUE_NAME_LENGTH, MAX_PATH_BYTES - Buffer.byteLength(folder));
  return folder + crypto.randomUUID().slice(0, room);
}

/** The folder of a path, with the slash at its end. */
function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/') + 1);
}

/**
 * Calls `bind`, which binds a Unix socket before it returns, under a umask that gives it `mode`. A `chmod`
 * would come too late: a client may connect at once.
 */
function withMode(mode: number, bind: () => void): void {
  const before = process.umask(0o777 & ~mode);
  try {
    bind();
  } finally {
    process.umask(before);
  }
}
