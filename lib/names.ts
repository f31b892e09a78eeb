import { trim } from './text.ts';

/** Bytes of UTF-8, after NFC. */
export const MAX_NAME_BYTES = 64;

/** Control, format, surrogate, private-use and unassigned characters; line and paragraph separators. */
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/u;

/** The name that a login line or a destination means: trimmed and NFC, so that equal names are equal strings. */
export function normalizeName(text: string): string {
  return trim(text).normalize('NFC');
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
