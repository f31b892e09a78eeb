/**
 * Bytes as they come from the wire. Lines cross the pipeline as they were read, undecoded: plain ASCII, most
 * of what is ever sent, is its own meaning. Few bytes are quicker looked at here than handed to Node's native
 * functions.
 */

export const NEWLINE = 0x0a;
export const COLON = 0x3a;

/**
 * Bytes from which on a call of a native function pays: it takes as long as to copy or compare so many here.
 */
const NATIVE = 96;

/** A space, a tab, or the `\r` of a line end. */
export function isBlank(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x09 || byte === 0x0d;
}

/** Whether `head` stands in `bytes` at `at`. */
export function standsAt(bytes: Buffer, at: number, head: Buffer): boolean {
  const { length } = head;
  if (at + length > bytes.length) return false;
  if (length > NATIVE) return bytes.compare(head, 0, length, at, at + length) === 0;
  for (let index = 0; index < length; index += 1) {
    if (bytes[at + index] !== head[index]) return false;
  }
  return true;
}

/**
 * Copies the bytes from `from` up to `end`, which `target` must have room for at `at`; returns where they end
 * there.
 */
export function copy(bytes: Buffer, from: number, end: number, target: Buffer, at: number): number {
  if (end - from > NATIVE) return at + bytes.copy(target, at, from, end);
  const shift = at - from;
  for (let index = from; index < end; index += 1) target[index + shift] = bytes[index] ?? 0;
  return end + shift;
}

/**
 * The same bytes to keep, by themselves. Small Buffers are slices of Node's pool, and one of them that stays
 * keeps all that was allocated beside it; a slice of what was read keeps that.
 */
export function apart(bytes: Buffer): Buffer {
  if (bytes.length === bytes.buffer.byteLength) return bytes;
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(copy);
  return copy;
}

/** A copy that does not keep the text alive it was cut from: V8's slices hold on to the whole chunk. */
export function detach(text: string): string {
  return Buffer.from(text).toString();
}

/**
 * Whether all is printable ASCII, tabs and newlines: its own UTF-8 meaning, and nothing that could drive a
 * terminal.
 */
export function isPlain(bytes: Buffer): boolean {
  const aligned = bytes.byteOffset % 4 === 0 ? bytes.length >> 2 : 0;
  const words = new Int32Array(bytes.buffer, aligned === 0 ? 0 : bytes.byteOffset, aligned);
  let index = 0;
  for (; index + 4 <= aligned; index += 4) {
    const a = signs(words[index] ?? 0) | signs(words[index + 1] ?? 0);
    const b = signs(words[index + 2] ?? 0) | signs(words[index + 3] ?? 0);
    if (((a | b) & SIGNS) === 0) continue;
    for (let at = index; at < index + 4; at += 1) {
      const isSuspect = (signs(words[at] ?? 0) & SIGNS) !== 0;
      if (isSuspect && !areBytesPlain(bytes, 4 * at, 4 * at + 4)) return false;
    }
  }
  return areBytesPlain(bytes, 4 * index, bytes.length);
}

/** The sign bit of each byte of a word. */
const SIGNS = 0x80808080;

/**
 * Looks at four bytes at once: for each that is no printable ASCII, its sign bit is set in one of the two
 * sums, or that of a neighbour, to which it carries.
 */
function signs(word: number): number {
  return (word - 0x20202020) | (word + 0x01010101);
}

function areBytesPlain(bytes: Buffer, from: number, end: number): boolean {
  for (let index = from; index < end; index += 1) {
    const byte = bytes[index] ?? 0;
    if ((byte < 0x20 && byte !== NEWLINE && byte !== 0x09) || byte > 0x7e) return false;
  }
  return true;
}
