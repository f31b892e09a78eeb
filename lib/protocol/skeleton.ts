import { CONFUSABLES } from './confusables.ts';

/** Characters that show nothing. */
const IGNORABLE = /\p{Default_Ignorable_Code_Point}/gu;

/**
 * Characters that look like white space, but are none to Unicode: empty Braille, a null note, blank
 * hieroglyphs.
 */
const BLANK = /[\u2800\u{1d159}\u{13441}\u{13442}]/gu;

const NON_ASCII = /[^\0-\x7f]/;

/** The table, parsed when it is first needed. While all names are ASCII it is not. */
let prototypes: ReadonlyMap<string, string> | undefined;

/**
 * The skeleton of a text: two texts look alike if and only if their skeletons are equal. It is for comparing
 * only. The algorithm is `internalSkeleton` of Unicode Technical Standard 39, section 4. Blanks at the ends
 * cannot be seen, and are left out.
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
