import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';

/** A file that is not regular, too large, or always being changed. The message names it. */
export class FileError extends Error {
  override readonly name = 'FileError';
}

/** MiB of the largest regular file that is read. */
const MAX_FILE_MIB = 128;

/**
 * Reads a regular file, or a link to one, without ever waiting for it. Throws Node's error where the file
 * cannot be opened or read. Throws a `FileError` for a file of more than `MAX_FILE_MIB`, and for a pipe, a
 * folder or a device.
 */
export function readRegular(path: string): Buffer {
  // Without `O_NONBLOCK`, opening a pipe waits until somebody writes to it. Without `O_NOCTTY`, a terminal
  // may become the one that controls this process.
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  try {
    const found = fstatSync(file);
    if (!found.isFile()) throw new FileError(`${path}: not a regular file`);
    if (found.size > MAX_FILE_MIB * 2 ** 20) throw new FileError(`${path}: larger than ${MAX_FILE_MIB} MiB`);
    return readFileSync(file);
  } finally {
    closeSync(file);
  }
}

/**
 * Reads a file for the first time. A path that names an open descriptor, as `/dev/stdin` and `<(command)` do,
 * is read to its end, however long that takes. Any other file is read by `readRegular`. Throws as that does.
 */
export function readFirst(path: string): Buffer {
  const descriptor = descriptorOf(path);
  return descriptor === undefined ? readRegular(path) : readFileSync(descriptor);
}

/** The descriptor that `path` names; `undefined` for the path of a file. */
function descriptorOf(path: string): number | undefined {
  if (path === '/dev/stdin') return 0;
  const digits = /^\/(?:dev|proc\/self)\/fd\/(\d+)$/.exec(path)?.[1];
  return digits === undefined ? undefined : Number(digits);
}
