import { trim } from './text.ts';

/** Bytes of UTF-8, after NFC. */
export const MAX_NAME_BYTES = 64;

/** Control, format, surrogate, private-use and unassigned characters; line and paragraph separators. */
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/u;

/** No text of more characters than this is a name, for NFC makes at least two bytes of three of them. */
const MAX_CHARACTERS = 4 * MAX_NAME_BYTES;

/**
 * The name that a login line or a destination means: trimmed and NFC, so that equal names are equal strings. What is far
 * too long for a name stays as it is: the time that NFC takes can grow with the square of a text's length.
 */
export function normalizeName(text: string): string {
  const name = trim(text);
  return name.length > MAX_CHARACTERS ? name : name.normalize('NFC');
}

/** What is wrong with a normalized name, as the explanation of its refusal; `undefined` for a good one. */
export function nameProblem(name: string): string | undefined {
  if (name === '') return 'a name is not empty';
  if (Buffer.byteLength(name) > MAX_NAME_BYTES) return `a name is at most ${MAX_NAME_BYTES} bytes long`;
  if (/[,:]/.test(name)) return "a name holds no ',' and no ':'";
  if (/^[/#*!@]/.test(name)) return "a name does not begin with '/', '#', '*', '!' or '@'";
  if (UNPRINTABLE.test(name)) return 'a name holds printable characters only';
  return undefined;
}
