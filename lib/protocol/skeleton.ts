import { CONFUSABLES } from './confusables.ts';

/** Characters without a look of their own. */
const IGNORABLE = /\p{Default_Ignorable_Code_Point}/gu;

/**
 * Characters that are no white space to Unicode, and look like it: empty Braille, a null note, blank
 * hieroglyphs.
 */
const BLANK = /[\u2800\u{1d159}\u{13441}\u{13442}]/gu;

const NON_ASCII = /[^\0-\x7f]/;

/** Read when it is first asked for: where all names are ASCII nobody does. */
let prototypes: ReadonlyMap<string, string> | undefined;

/**
 * What a text looks like: two texts look alike if and only if their skeletons are equal. It is for comparing
 * alone. The algorithm is `internalSkeleton` of Unicode Technical Standard 39, section 4. What is blank at
 * the ends cannot be seen, and is not part of it.
 */
export function skeleton(text: string): string {
  const table = (prototypes ??= readTable());
  const visible = bare(text.normalize('NFD'));
  return Array.from(visible, (character) => table.get(character) ?? character)
    .join('')
    .normalize('NFD');
}

/** Whether a text shows nothing. */
export function isInvisible(text: string): boolean {
  return bare(text) === '';
}

function bare(text: string): string {
  return text.replace(IGNORABLE, '').replace(BLANK, ' ').trim();
}

export function isAscii(text: string): boolean {
  return !NON_ASCII.test(text);
}

function readTable(): ReadonlyMap<string, string> {
  const table = new Map<string, string>();
  for (const word of CONFUSABLES.trim().split(/\s+/)) {
    const [to = '', from = ''] = word.split(':');
    const prototype = String.fromCodePoint(...to.split('.').map(number));
    let code = 0;
    for (const distance of from.split(',')) {
      code += number(distance);
      table.set(String.fromCodePoint(code), prototype);
    }
  }
  return table;
}

function number(digits: string): number {
  return parseInt(digits, 36);
}
