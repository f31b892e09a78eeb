/** Text as it comes from the wire and as it may be shown. */

/** C0 but tab and newline, DEL, C1; what ends a line or turns its direction elsewhere. */
const CONTROL = /[\0-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]/g;

/**
 * `White_Space` of Unicode: what the Rust original trims. `String.trim` would take U+FEFF too, and leave
 * U+0085.
 */
const LEADING_SPACE = /^\p{White_Space}+/u;
const SPACE = /\p{White_Space}/u;
const FIRST_SPACE = /\p{White_Space}+/u;

/** Characters shown of a piece of input that an error line repeats: room for every valid name. */
const SHOWN = 64;

export function trim(text: string): string {
  // From the end by hand: an expression would begin at each space in the midst, which is quadratic for a run
  // of them.
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
 * Shows control characters by their visible stand-ins, so that they cannot drive the reader's terminal:
 * U+2400 block for C0 and DEL, U+FFFD for C1, which has no pictures of its own. U+FFFD too for the line and
 * paragraph separators, at which some programs end a line and so would read a forged one behind, and for what
 * turns the direction of a text.
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
  const characters = Array.from(text.slice(0, 2 * SHOWN + 2));
  return characters.length > SHOWN ? `${characters.slice(0, SHOWN).join('')}\u2026` : text;
}

const UTF8 = new TextEncoder();

/** Bytes of a text on the wire. */
export function byteLength(text: string): number {
  return UTF8.encode(text).length;
}

/** Lets go of the text that a regular expression last matched, which JavaScript keeps (as `RegExp.input`). */
export function forgetMatch(): void {
  /./.test(' ');
}
