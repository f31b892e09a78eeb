import js from '@eslint/js';
import { defineConfig, globalIgnores } from 'eslint/config';
import importX from 'eslint-plugin-import-x';
import ts from 'typescript-eslint';

/**
 * A folder of `lib/` imports from the rows below its own; the folders of one row do not know each other. The
 * root, which puts the stages together, stands between the commands and the stages; `main.ts` and `index.ts`
 * may import all.
 */
const rows = [
  ['cli'],
  ['.'],
  ['client', 'operate', 'listeners', 'readers', 'admission', 'broker', 'writers'],
  ['settings', 'os'],
  ['model'],
  ['protocol'],
];

const direction = rows.flatMap((folders, level) => folders.map((folder) => directionOf(folder, level)));

function directionOf(folder, level) {
  const up = folder === '.' ? '\\./' : '\\.\\./';
  const others = rows
    .slice(0, level + 1)
    .flat()
    .filter((other) => other !== folder && other !== '.');
  const patterns = [
    { regex: `^${up}(?:${others.join('|')})/`, message: 'See the rows in eslint.config.js.' },
  ];
  if (level > rows.findIndex((row) => row.includes('.')))
    patterns.push({ regex: '^\\.\\./[^/]+\\.ts$', message: 'The root puts the stages together.' });
  if (folder === 'protocol')
    patterns.push({ regex: '^node:', message: 'What speaks the protocol runs in a browser too.' });
  const paths = [
    {
      name: 'rxjs-for-await',
      importNames: ['latestValueFrom', 'nextValueFrom', 'eachValueFrom'],
      message: 'The first two lose values, the third slows down as they pile up: bufferedValuesFrom.',
    },
  ];
  return {
    files: [folder === '.' ? 'lib/*.ts' : `lib/${folder}/*.ts`],
    ignores: ['lib/main.ts', 'lib/index.ts'],
    rules: { 'no-restricted-imports': ['error', { patterns, paths }] },
  };
}

/** Names of Node alone that need no import. */
const NODE_GLOBALS = ['Buffer', 'process', 'global', 'setImmediate', 'clearImmediate'];

export default defineConfig(
  globalIgnores(['{lib,torture,bench,spec/support}/**/*.js', '**/*.d.ts', 'coverage/', 'docs/api/']),
  js.configs.recommended,
  // Prettier sees to the code.
  { rules: { 'max-len': ['error', { code: 1000, comments: 110, ignoreUrls: true }] } },
  {
    files: ['**/*.ts'],
    extends: [ts.configs.strictTypeChecked, ts.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      // A listener or default that does nothing is said by an empty function.
      '@typescript-eslint/no-empty-function': 'off',
      // Control characters are what text.ts is about.
      'no-control-regex': 'off',
    },
  },
  // TypeScript knows what is defined there.
  { files: ['examples/*.js'], rules: { 'no-undef': 'off' } },
  {
    files: ['lib/**/*.ts'],
    plugins: { 'import-x': importX },
    settings: {
      'import-x/extensions': ['.ts'],
      'import-x/parsers': { '@typescript-eslint/parser': ['.ts'] },
      'import-x/resolver-next': [importX.createNodeResolver({ extensions: ['.ts'] })],
    },
    rules: { 'import-x/no-cycle': 'error' },
  },
  { files: ['lib/protocol/*.ts'], rules: { 'no-restricted-globals': ['error', ...NODE_GLOBALS] } },
  direction,
);
