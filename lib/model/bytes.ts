/**
 * Functions on bytes of the wire. Lines cross the pipeline undecoded: most are plain ASCII, which needs no
 * decoding. Small pieces are handled here, because a call of a native function takes longer.
 */

export const NEWLINE = 0x0a;
export const COLON = 0x3a;

/**
 * Bytes above which a native function is called. Its call takes as long as to copy or compare so many here.
 */
const NATIVE_BYTES = 96;

/** A space, a tab, or the `\r` of a line end. */
export function isBlank(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x09 || byte === 0x0d;
}

/** Whether `bytes` has `head` at index `at`. */
export function standsAt(bytes: Buffer, at: number, head: Buffer): boolean {
  const { length } = head;
  if (at + length > bytes.length) return false;
  if (length > NATIVE_BYTES) return bytes.compare(head, 0, length, at, at + length) === 0;
  for (let index = 0; index < length; index += 1) {
    if (bytes[at + index] !== head[index]) return false;
  }
  return true;
}

/**
 * Copies the bytes from `from` up to `end` into `target` at `at`, where there must be room. Returns the index
 * behind them there.
 */
export function copy(bytes: Buffer, from: number, end: number, target: Buffer, at: number): number {
  if (end - from > NATIVE_BYTES) return at + bytes.copy(target, at, from, end);
  const shift = at - from;
  for (let index = from; index < end; index += 1) target[index + shift] = bytes[index] ?? 0;
  return end + shift;
}

/**
 * The same bytes with memory of their own, for keeping. A small Buffer is a slice of Node's pool, and keeps
 * all of the pool in memory. A slice of a chunk that was read keeps the chunk.
 */
export function apart(bytes: Buffer): Buffer {
  if (bytes.length === bytes.buffer.byteLength) return bytes;
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(copy);
  return copy;
}

/** A copy with memory of its own: a slice of a text keeps the whole text in memory, in V8. */
export function detach(text: string): string {
  return Buffer.from(text).toString();
}

/**
 * Whether all bytes are printable ASCII, tabs or newlines. Such bytes are UTF-8 as they are, and cannot drive
 * a terminal.
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
 * Sign bits for four bytes at once. For a byte that is not printable ASCII, its sign bit is set in one of the
 * two sums, or that of a neighbour to which the sum carries.
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
