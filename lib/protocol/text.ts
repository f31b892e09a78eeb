/** Text of the wire, and text that may be shown. */

/** C0 without tab and newline, DEL, C1, line and paragraph separators, characters that turn the direction. */
const CONTROL = /[\0-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]/g;

/**
 * `White_Space` of Unicode, as the Rust original trims it. `String.trim` differs: it takes U+FEFF, and leaves
 * U+0085.
 */
const LEADING_SPACE = /^\p{White_Space}+/u;
const SPACE = /\p{White_Space}/u;
const FIRST_SPACE = /\p{White_Space}+/u;

/** Characters of input that an error line repeats. Every valid name fits. */
const SHOWN_CHARACTERS = 64;

/** The text without white space at its ends. */
export function trim(text: string): string {
  // The end is trimmed by hand: a regular expression would begin at each space within, which is quadratic.
  let end = text.length;
  while (end > 0 && SPACE.test(text.charAt(end - 1))) end -= 1;
  return text.slice(0, end).replace(LEADING_SPACE, '');
}

/** The first word of a text, and what follows the white space after it. */
export function splitWord(text: string): { readonly word: string; readonly rest: string } {
  const space = FIRST_SPACE.exec(text);
  if (space === null) return { word: text, rest: '' };
  return { word: text.slice(0, space.index), rest: text.slice(space.index + space[0].length) };
}

/**
 * Replaces control characters by visible stand-ins, so that they cannot drive the reader's terminal. C0 and
 * DEL become their pictures in the U+2400 block; C1 has none, and becomes U+FFFD. So do line and paragraph
 * separators, at which some programs end a line and would read a forged one behind, and characters that turn
 * the direction of a text.
 */
export function defang(text: string): string {
  return text.replace(CONTROL, (control) => {
    const code = control.charCodeAt(0);
    if (code === 0x7f) return '\u2421';
    return code < 0x20 ? String.fromCharCode(0x2400 + code) : '\ufffd';
  });
}

/** Cuts input to a length that an error line can carry. */
export function abbreviate(text: string): string {
  const characters = Array.from(text.slice(0, 2 * SHOWN_CHARACTERS + 2));
  return characters.length > SHOWN_CHARACTERS
    ? `${characters.slice(0, SHOWN_CHARACTERS).join('')}\u2026`
    : text;
}

const UTF8 = new TextEncoder();

/** Bytes of a text on the wire. */
export function byteLength(text: string): number {
  return UTF8.encode(text).length;
}

/** Frees the text that a regular expression last matched. JavaScript keeps it as `RegExp.input`. */
export function forgetMatch(): void {
  /./.test(' ');
}
