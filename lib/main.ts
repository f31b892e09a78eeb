#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { readCommandLine } from './cli/arguments.ts';
import { config } from './cli/config.ts';
import { connect } from './cli/connect.ts';
import { complaint, explain } from './cli/failures.ts';
import { setPassword } from './cli/passwd.ts';
import { serve } from './cli/serve.ts';

async function main(): Promise<number> {
  // A reader such as `head` may close the pipe early.
  process.stdout.on('error', (failure: NodeJS.ErrnoException) => {
    if (failure.code !== 'EPIPE') throw failure;
  });
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  const order = readCommandLine(process.argv.slice(2), version, {
    out: (text) => process.stdout.write(text),
    err: (text) => process.stderr.write(text),
  });
  switch (order.command) {
    case 'serve':
      // Output that nobody reads would keep the process alive.
      return process.exit(await serve(order.options));
    case 'connect':
      return connect(order.endpoint, order.options);
    case 'config':
      return config(order.options);
    case 'passwd':
      return setPassword(order.name, order.options);
    case 'exit':
      return order.code;
  }
}

// `process.exit` would cut off output that is still being written, so the code is left for the end of the
// event loop. A server has waited for its output already.
main().then(
  (code) => {
    process.exitCode = code;
  },
  (failure: unknown) => {
    const known = explain(failure);
    if (known === undefined) throw failure;
    process.stderr.write(known.lines.map(complaint).join(''));
    process.exitCode = known.code;
  },
);
