import js from '@eslint/js';
import { defineConfig, globalIgnores } from 'eslint/config';
import ts from 'typescript-eslint';

/** The stages know types alone of each other; a file imports only from further down this list. */
const layers = [
  ['main'],
  ['index'],
  ['cli', 'config', 'log', 'login', 'passwd', 'start', 'supervised'],
  ['admin', 'client'],
  ['metrics', 'server'],
  ['entrance', 'target'],
  ['listen', 'secure', 'reader', 'admission', 'broker', 'writer', 'tally'],
  ['credentials', 'inherit'],
  ['options'],
  ['shutdown', 'trouble', 'commands', 'outlet', 'linger', 'inlet', 'meter', 'loaded', 'last-intake'],
  ['packing', 'watch'],
  ['backlog'],
  ['lines', 'throttle', 'ledger', 'latency', 'bot', 'unix', 'accounts', 'attempts', 'limiter', 'opening'],
  ['passwords'],
  ['turn', 'turn-share', 'prompt', 'crowd', 'spool', 'stdio', 'rewrite', 'telnet', 'pending-total', 'routes'],
  ['tcp-table', 'write-queue', 'descriptors', 'send-buffer'],
  ['tcp-rows'],
  ['roster', 'scatter', 'names'],
  ['lookalikes'],
  ['skeleton'],
  ['confusables'],
  ['events'],
  ['session', 'overlap'],
  ['protocol', 'text', 'bytes', 'endpoint', 'address', 'files', 'discard', 'stranger', 'guard'],
];

/** Also within a layer no file imports another. */
const direction = layers.map((files, level) => ({
  files: files.map((file) => `lib/${file}.ts`),
  rules: {
    'no-restricted-imports': [
      'error',
      {
        patterns: [
          {
            group: layers
              .slice(0, level + 1)
              .flat()
              .map((file) => `./${file}.ts`),
            message: 'Dependencies point one way: see the layers in eslint.config.js.',
          },
        ],
        paths: [
          {
            name: 'rxjs-for-await',
            importNames: ['latestValueFrom', 'nextValueFrom', 'eachValueFrom'],
            message: 'The first two lose values, the third slows down as they pile up: bufferedValuesFrom.',
          },
        ],
      },
    ],
  },
}));

export default defineConfig(
  globalIgnores(['{lib,torture,bench,spec/support}/**/*.js', '**/*.d.ts', 'coverage/', 'docs/api/']),
  js.configs.recommended,
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
  direction,
);
