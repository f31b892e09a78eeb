/**
 * Writes lib/protocol/confusables.ts from the table that belongs to Unicode Technical Standard 39:
 *
 *     node scripts/confusables.js confusables.txt
 *
 * where confusables.txt is https://www.unicode.org/Public/security/latest/confusables.txt.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { argv } from 'node:process';
import { URL } from 'node:url';

const source = readFileSync(argv[2] ?? 'confusables.txt', 'utf8').replace(/^\ufeff/, '');
const version = /^# Version: (\S+)/m.exec(source)?.[1];

/** The characters that look like each prototype. */
const groups = new Map();
for (const [, from, to] of source.matchAll(/^([0-9A-F]+) ;\t([0-9A-F ]+) ;\tMA/gm)) {
  const character = String.fromCodePoint(parseInt(from, 16));
  // Looked up is what was decomposed: this one never is.
  if (character.normalize('NFD') !== character) continue;
  const prototype = to.split(' ').map((code) => parseInt(code, 16).toString(36));
  const alike = groups.get(prototype.join('.')) ?? [];
  groups.set(prototype.join('.'), [...alike, parseInt(from, 16)]);
}

const words = Array.from(groups, ([prototype, alike]) => {
  let last = 0;
  const steps = alike
    .sort((one, other) => one - other)
    .map((code) => {
      const step = code - last;
      last = code;
      return step.toString(36);
    });
  return `${prototype}:${steps.join(',')}`;
});

const rows = words.join(' ').match(/\S{100,}|\S.{0,98}\S(?=\s|$)/g) ?? [];

writeFileSync(
  new URL('../lib/protocol/confusables.ts', import.meta.url),
  `/**
 * Which characters look alike, by Unicode ${version}. Written by scripts/confusables.js from Unicode's
 * confusables.txt (© Unicode, Inc., https://www.unicode.org/license.txt); read by skeleton.ts.
 *
 * One word for each prototype: its code points, joined by dots, then after a colon the characters that look
 * like it, each as its distance from the one before; all in base 36.
 */
export const CONFUSABLES = \`
${rows.join('\n')}
\`;
`,
);
