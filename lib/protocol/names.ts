import { isAscii, isInvisible, skeleton } from './skeleton.ts';
import { byteLength, trim } from './text.ts';

/** Bytes of UTF-8, after NFC. */
export const MAX_NAME_BYTES = 64;

/** Control, format, surrogate, private-use and unassigned characters; line and paragraph separators. */
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/u;

/** What stands between names, and behind them. */
const SEPARATOR = /[,:]/;

/**
 * Letters and marks of Devanagari, Gujarati, Lisu and Tolong Siki that look like a colon or a comma. Behind a
 * letter of their own script one reads them as what they are.
 */
const AT_HOME =
  /(?<=\p{Script=Devanagari})\u0903|(?<=\p{Script=Gujarati})\u0a83|(?<=\p{Script=Lisu})[\ua4f9\ua4fb\ua4fd]|(?<=[\u{11db0}-\u{11ddb}])\u{11dd9}/gu;

/**
 * Colons and commas of other scripts, and signs with a colon in them, that Unicode's table of lookalikes
 * lacks.
 */
const MORE =
  /[\u060c\u1361\u1362\u1365\u1366\u1802\u1804\u1808\u2237\u2254\u2255\u2982\u2af6\u2e32\u2e34\u2e41\u2e4c\ua6f4\u{12471}\u{12472}]/u;

/** No text of more characters than this is a name, for NFC makes at least two bytes of three of them. */
const MAX_CHARACTERS = 4 * MAX_NAME_BYTES;

/**
 * The name that a login line or a destination means: trimmed and NFC, so that equal names are equal strings.
 * What is far too long for a name stays as it is: the time that NFC takes can grow with the square of a
 * text's length.
 */
export function normalizeName(text: string): string {
  const name = trim(text);
  return name.length > MAX_CHARACTERS ? name : name.normalize('NFC');
}

/** What is wrong with a normalized name, as the explanation of its refusal; `undefined` for a good one. */
export function nameProblem(name: string): string | undefined {
  if (name === '') return 'a name is not empty';
  if (byteLength(name) > MAX_NAME_BYTES) return `a name is at most ${MAX_NAME_BYTES} bytes long`;
  if (SEPARATOR.test(name)) return "a name holds no ',' and no ':'";
  if (/^[/#*!@]/.test(name)) return "a name does not begin with '/', '#', '*', '!' or '@'";
  if (UNPRINTABLE.test(name)) return 'a name holds printable characters only';
  return isAscii(name) ? undefined : problemOfLooks(name);
}

/**
 * What is wrong with how a name looks that is not ASCII: it could be taken for what the server writes around
 * names.
 */
function problemOfLooks(name: string): string | undefined {
  if (isInvisible(name)) return 'a name shows something';
  // Full-width and other forms are characters of their own, and the same to the eye.
  const plain = name.normalize('NFKC');
  if (/^[/#*!@]/.test(plain)) return "a name does not begin with what looks like '/', '#', '*', '!' or '@'";
  if (SEPARATOR.test(plain) || MORE.test(name) || looksSeparated(name))
    return "a name holds nothing that looks like ',' or ':'";
  return undefined;
}

function looksSeparated(name: string): boolean {
  const look = skeleton(name);
  if (!SEPARATOR.test(look)) return false;
  // What looks like ASCII from end to end is no word of another script to whoever reads it.
  return isAscii(look) || SEPARATOR.test(skeleton(name.replace(AT_HOME, '')));
}
