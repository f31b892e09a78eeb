/**
 * Text as it comes from the wire and as it may be shown. Lines travel as one-byte strings, each character one byte of
 * the socket, because plain ASCII, most of what is ever sent, then needs no decoding at all.
 */

/** Anything but printable ASCII, tabs and line ends. A text without it needs neither decoding nor defanging. */
const NOT_PLAIN = /[^\t\n\r\x20-\x7e]|\r(?!\n)/;

/** C0 but tab and newline, DEL, C1. */
const CONTROL = /[\0-\x08\x0b-\x1f\x7f-\x9f]/g;

/** `White_Space` of Unicode: what the Rust original trims. `String.trim` would take U+FEFF too, and leave U+0085. */
const SURROUNDING_SPACE = /^\p{White_Space}+|\p{White_Space}+$/gu;

/** Characters shown of a piece of input that an error line or a log line repeats: room for every valid name. */
const SHOWN = 64;

/** Whether one-byte text is its own UTF-8 meaning and holds nothing that could drive a terminal. */
export function isPlain(bytes: string): boolean {
  return !NOT_PLAIN.test(bytes);
}

/** One-byte text as the UTF-8 that it is; what is not UTF-8 becomes U+FFFD. */
export function decode(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

/** The one-byte text that stands for `text` on the wire: the inverse of `decode`. */
export function encode(text: string): string {
  return Buffer.from(text).toString('latin1');
}

export function trim(text: string): string {
  return text.replace(SURROUNDING_SPACE, '');
}

/**
 * Shows control characters by their visible stand-ins, so that they cannot drive the reader's terminal: U+2400 block
 * for C0 and DEL, U+FFFD for C1, which has no pictures of its own.
 */
export function defang(text: string): string {
  return text.replace(CONTROL, (control) => {
    const code = control.charCodeAt(0);
    if (code === 0x7f) return '\u2421';
    return code < 0x20 ? String.fromCharCode(0x2400 + code) : '\ufffd';
  });
}

/** Input as a log may show it: nothing in it drives a terminal, hides or turns around what stands beside it. */
export function printable(text: string): string {
  return defang(text).replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '\ufffd');
}

/** Cuts input to a length that an error line or a log line can carry. */
export function abbreviate(text: string): string {
  const characters = Array.from(text.slice(0, 2 * SHOWN + 2));
  return characters.length > SHOWN ? `${characters.slice(0, SHOWN).join('')}\u2026` : text;
}

/** A copy that does not keep the text alive it was cut from: V8's slices hold on to the whole chunk. */
export function detach(text: string): string {
  return Buffer.from(text).toString();
}
