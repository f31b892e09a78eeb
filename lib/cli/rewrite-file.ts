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

/** Tries to write before another one does. */
const TRIES = 100;

/**
 * ms after which whoever read the file before it was written has written too: what he has not heard of is
 * lost.
 */
const SETTLED = 100;

/**
 * Why a file cannot be replaced that may be writable all the same: its folder, its owner, or that it is
 * mounted.
 */
const IRREPLACEABLE: ReadonlySet<unknown> = new Set(['EACCES', 'EPERM', 'EROFS', 'EBUSY', 'EXDEV']);

/**
 * Makes `path` what `change` makes of it, or of nothing where there is none; links are followed. The file is
 * there whole at each moment, and keeps its mode and its owner; a new one is for its owner alone. Where it
 * cannot be replaced it is written in place. Several processes may do so at once: `change` is asked again
 * until `isDone` holds for what is there. Throws Node's error where the file cannot be written, and a
 * `FileError` where it is none.
 *
 * @param onUnsafe hears, once, why the file is written in place: whoever reads it at that moment may see half
 * of it
 */
export async function rewrite(
  path: string,
  change: (bytes: Buffer) => Buffer,
  isDone: (bytes: Buffer) => boolean,
  onUnsafe: (why: string) => void,
): Promise<void> {
  const target = follow(path);
  let told = false;
  for (let left = TRIES; left > 0; left -= 1) {
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
    await new Promise((settled) => setTimeout(settled, SETTLED * (1 + Math.random())));
    if (isDone(contentOf(target) ?? Buffer.alloc(0))) return;
  }
  throw new FileError(`${path}: others write to it all the time`);
}

/** The file that is meant, through links, also where it is not there yet. */
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

/** Puts another file into the place of `path`, unless that is not what it was. */
function replace(path: string, before: Buffer | undefined, after: Buffer): boolean {
  // The name is of nobody else: process ids are the same in each container.
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
      // It was there, so there is room for it.
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
