import { readFileSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import { format } from 'prettier';
import { flagOf } from '../lib/settings/option-names.js';
import { keys, settings, show } from '../lib/settings/table.js';

/**
 * Writes the table of settings in docs/operating.md, between its markers, from the code. With `--check`
 * nothing is written, and the exit code is 1 where the page differs.
 */
const PAGE = 'docs/operating.md';
const MARKED = /(<!-- settings -->\n)[^]*?(<!-- end of settings -->)/;

const MIB = 2 ** 20;

function rowOf(key) {
  const { value, placeholder, help } = settings[key];
  const option = `${flagOf(key)} ${placeholder}`.trim();
  return `| \`${option}\` | ${defaultOf(key, value, placeholder)} | ${help.replace(/<[^>]+>/g, '\\$&')} |`;
}

function defaultOf(key, value, placeholder) {
  if (placeholder === '') return value ? 'on' : 'off';
  const shown = show(key, value);
  if (shown === '' || shown === 'none') return shown;
  return `\`${shown}\`${placeholder === '<bytes>' && value >= MIB ? ` (${value / MIB} MiB)` : ''}`;
}

const table = ['| option | default | meaning |', '| --- | --- | --- |', ...keys().map(rowOf)];
const page = readFileSync(PAGE, 'utf8');
const filled = page.replace(MARKED, (_, begin, end) => `${begin}\n${table.join('\n')}\n\n${end}`);
const { prettier } = JSON.parse(readFileSync('package.json', 'utf8'));
const text = await format(filled, { ...prettier, parser: 'markdown' });
if (!process.argv.includes('--check')) writeFileSync(PAGE, text);
else if (text !== page) process.exitCode = 1;
