import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';

/** What stands where a file should be; the message names it. */
export class FileError extends Error {
  override readonly name = 'FileError';
}

/** MiB of the largest file that is read whole. */
const MOST = 128;

/**
 * Reads a file without ever waiting for it: only a regular one, or a link to one. Throws Node's error where
 * it cannot be opened or read, and a `FileError` for a pipe, a folder or a device in its place.
 */
export function readRegular(path: string): Buffer {
  // Without the flags a pipe would be waited for until somebody writes to it, and a terminal might become
  // ours.
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  try {
    const found = fstatSync(file);
    if (!found.isFile()) throw new FileError(`${path}: not a regular file`);
    if (found.size > MOST * 2 ** 20) throw new FileError(`${path}: larger than ${MOST} MiB`);
    return readFileSync(file);
  } finally {
    closeSync(file);
  }
}

/**
 * The same, but where the program was handed the path, as `<(command)` and `/dev/stdin` are, it waits for all
 * of it.
 */
export function readFirst(path: string): Buffer {
  const descriptor = handed(path);
  return descriptor === undefined ? readRegular(path) : readFileSync(descriptor);
}

/** The descriptor of which `path` is another name. */
function handed(path: string): number | undefined {
  if (path === '/dev/stdin') return 0;
  const digits = /^\/(?:dev|proc\/self)\/fd\/(\d+)$/.exec(path)?.[1];
  return digits === undefined ? undefined : Number(digits);
}
