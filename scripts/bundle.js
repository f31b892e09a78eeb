import { build } from 'esbuild';

/** Bundles the program, because reading the many files of what it depends on takes longer than listening. */
await build({
  entryPoints: ['lib/main.ts'],
  outfile: 'lib/main.js',
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  // Loaded when an option asks for them.
  external: ['pino-pretty', 'prom-client', 'yaml'],
  // What Node would resolve it to is compiled for engines without classes, and comes whole; of this only what
  // is used.
  alias: { rxjs: './node_modules/rxjs/dist/esm/index.js' },
  // What is CommonJS among the rest calls for it.
  banner: {
    js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
  },
  logLevel: 'warning',
});

/**
 * Puts what settings use of the validator into their file: an embedding program would load all of it, and
 * depend on it.
 */
await build({
  entryPoints: ['lib/settings/kinds.js'],
  outfile: 'lib/settings/kinds.js',
  allowOverwrite: true,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  external: ['./*.js', '../*.js'],
  logLevel: 'warning',
});
