import { CONFUSABLES } from './confusables.ts';

/** Characters without a look of their own. */
const INVISIBLE = /\p{Default_Ignorable_Code_Point}/gu;

const NON_ASCII = /[^\0-\x7f]/;

/** Read when it is first asked for: where all names are ASCII nobody does. */
let prototypes: ReadonlyMap<string, string> | undefined;

/**
 * What a text looks like: two texts look alike if and only if their skeletons are equal. It is for comparing alone.
 * The algorithm is `internalSkeleton` of Unicode Technical Standard 39, section 4.
 */
export function skeleton(text: string): string {
  const table = (prototypes ??= readTable());
  const visible = text.normalize('NFD').replace(INVISIBLE, '');
  return Array.from(visible, (character) => table.get(character) ?? character)
    .join('')
    .normalize('NFD');
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
