import {
  chmodSync,
  chownSync,
  closeSync,
  fsyncSync,
  ftruncateSync,
  lstatSync,
  openSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname, resolve } from 'node:path';
import { FileError, readRegular } from '../settings/files.ts';

/** Tries to write a file that other processes write too. */
const MAX_TRIES = 100;

/**
 * ms after which a process that read the file before this one wrote it has written too. That would undo the
 * change.
 */
const SETTLED_MS = 100;

/**
 * Error codes of a file that cannot be replaced, but may be writable: for its folder, its owner, or a mount.
 */
const IRREPLACEABLE: ReadonlySet<unknown> = new Set(['EACCES', 'EPERM', 'EROFS', 'EBUSY', 'EXDEV']);

/**
 * Replaces the content of a file by the result of `change`, which gets no bytes where there is no file. Links
 * are followed. The file is whole at each moment, and keeps its mode and its owner. A new file is readable
 * for its owner alone. A file that cannot be replaced is written in place. Several processes may write at
 * once: the change is made again until `isDone` holds for the content. Throws Node's error where the file
 * cannot be written, and a `FileError` where it is no regular file.
 *
 * @param onUnsafe hears, once, why the file is written in place: a reader at that moment may see half of it
 */
export async function rewrite(
  path: string,
  change: (bytes: Buffer) => Buffer,
  isDone: (bytes: Buffer) => boolean,
  onUnsafe: (why: string) => void,
): Promise<void> {
  const target = follow(path);
  let told = false;
  for (let left = MAX_TRIES; left > 0; left -= 1) {
    const before = contentOf(target);
    const after = change(before ?? Buffer.alloc(0));
    try {
      if (!replace(target, before, after)) continue;
    } catch (failure) {
      if (before === undefined || !isIrreplaceable(failure)) throw failure;
      writeInPlace(target, before, after);
      if (!told) onUnsafe(failure.message);
      told = true;
    }
    await new Promise((settled) => setTimeout(settled, SETTLED_MS * (1 + Math.random())));
    if (isDone(contentOf(target) ?? Buffer.alloc(0))) return;
  }
  throw new FileError(`${path}: others write to it all the time`);
}

/** The path behind links, also where it does not exist yet. */
function follow(path: string): string {
  try {
    return realpathSync(path);
  } catch (failure) {
    if (!isAbsent(failure)) throw failure;
    const isLink = lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true;
    return isLink ? follow(resolve(dirname(path), readlinkSync(path))) : path;
  }
}

function contentOf(path: string): Buffer | undefined {
  try {
    return readRegular(path);
  } catch (failure) {
    if (isAbsent(failure)) return undefined;
    throw failure;
  }
}

/** Replaces the file, unless its content is not `before` any more. Returns whether it did. */
function replace(path: string, before: Buffer | undefined, after: Buffer): boolean {
  // The name is unique. A process id would not be: it is the same in each container.
  const next = `${path}.${crypto.randomUUID()}`;
  try {
    writeFileSync(next, after, { mode: 0o600, flag: 'wx', flush: true });
    if (before !== undefined) {
      const { uid, gid, mode } = statSync(path);
      chownSync(next, uid, gid);
      chmodSync(next, mode & 0o7777);
    }
    const now = contentOf(path);
    if (before === undefined ? now !== undefined : now?.equals(before) !== true) return false;
    renameSync(next, path);
    return true;
  } finally {
    rmSync(next, { force: true });
  }
}

function writeInPlace(path: string, before: Buffer, after: Buffer): void {
  const file = openSync(path, 'r+');
  try {
    try {
      fill(file, after);
    } catch (failure) {
      // The old content was there before, so there is room for it.
      fill(file, before);
      throw failure;
    }
  } finally {
    closeSync(file);
  }
}

function fill(file: number, bytes: Buffer): void {
  for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at, bytes.length - at, at);
  ftruncateSync(file, bytes.length);
  fsyncSync(file);
}

function isIrreplaceable(failure: unknown): failure is NodeJS.ErrnoException {
  return failure instanceof Error && IRREPLACEABLE.has((failure as NodeJS.ErrnoException).code);
}

function isAbsent(failure: unknown): boolean {
  return (failure as NodeJS.ErrnoException).code === 'ENOENT';
}
