import { isAscii, isInvisible, skeleton } from './skeleton.ts';
import { byteLength, trim } from './text.ts';

/** Longest name, in bytes of UTF-8 after NFC. */
export const MAX_NAME_BYTES = 64;

/** Control, format, surrogate, private-use and unassigned characters; line and paragraph separators. */
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/u;

/** Characters between names, and behind them. */
const SEPARATOR = /[,:]/;

/**
 * Letters and marks of Devanagari, Gujarati, Lisu and Tolong Siki that look like a colon or a comma. Behind a
 * letter of their own script they are read as what they are.
 */
const IN_OWN_SCRIPT =
  /(?<=\p{Script=Devanagari})\u0903|(?<=\p{Script=Gujarati})\u0a83|(?<=\p{Script=Lisu})[\ua4f9\ua4fb\ua4fd]|(?<=[\u{11db0}-\u{11ddb}])\u{11dd9}/gu;

/**
 * Colons and commas of other scripts, and signs that contain a colon. The lookalike table of Unicode lacks
 * them.
 */
const MORE_SEPARATORS =
  /[\u060c\u1361\u1362\u1365\u1366\u1802\u1804\u1808\u2237\u2254\u2255\u2982\u2af6\u2e32\u2e34\u2e41\u2e4c\ua6f4\u{12471}\u{12472}]/u;

/** Characters above which a text is no name: three of them are at least two bytes after NFC. */
const MAX_CHARACTERS = 4 * MAX_NAME_BYTES;

/**
 * The name in a login line or a destination: trimmed and in NFC, so that equal names are equal strings. A
 * text that is far too long for a name is only trimmed: the time that NFC takes can grow with the square of
 * its length.
 */
export function normalizeName(text: string): string {
  const name = trim(text);
  return name.length > MAX_CHARACTERS ? name : name.normalize('NFC');
}

/** The problem of a normalized name, as the explanation of its refusal; `undefined` for a good name. */
export function nameProblem(name: string): string | undefined {
  if (name === '') return 'a name is not empty';
  if (byteLength(name) > MAX_NAME_BYTES) return `a name is at most ${MAX_NAME_BYTES} bytes long`;
  if (SEPARATOR.test(name)) return "a name holds no ',' and no ':'";
  if (/^[/#*!@]/.test(name)) return "a name does not begin with '/', '#', '*', '!' or '@'";
  if (UNPRINTABLE.test(name)) return 'a name holds printable characters only';
  return isAscii(name) ? undefined : problemOfLooks(name);
}

/**
 * The problem of how a name looks that is not ASCII: it could be taken for text that the server writes around
 * names.
 */
function problemOfLooks(name: string): string | undefined {
  if (isInvisible(name)) return 'a name shows something';
  // NFKC folds full-width and other forms, which look the same.
  const plain = name.normalize('NFKC');
  if (/^[/#*!@]/.test(plain)) return "a name does not begin with what looks like '/', '#', '*', '!' or '@'";
  if (SEPARATOR.test(plain) || MORE_SEPARATORS.test(name) || looksSeparated(name))
    return "a name holds nothing that looks like ',' or ':'";
  return undefined;
}

/** Whether a name contains what looks like a separator. */
function looksSeparated(name: string): boolean {
  const look = skeleton(name);
  if (!SEPARATOR.test(look)) return false;
  // A name that looks like ASCII from end to end does not look like a word of another script.
  return isAscii(look) || SEPARATOR.test(skeleton(name.replace(IN_OWN_SCRIPT, '')));
}
