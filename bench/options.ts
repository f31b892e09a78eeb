import { Command, InvalidArgumentError } from 'commander';
import { START, rows } from './rows.ts';
import { PEERS } from './servers.ts';

/** What the command line of the benchmark says. */
export interface Options {
  readonly quick?: true;
  readonly runs: number;
  readonly rows?: string[];
  readonly peers: string[];
  readonly peer: ReadonlyMap<string, string>;
  readonly admin?: true;
  readonly tls?: true;
  readonly out?: string;
}

/** All rows there are. */
export const ROWS: readonly string[] = [...rows(1).map(({ name }) => name), START];

/** Ends the process where they are wrong. */
export function readOptions(): Options {
  return new Command('bench')
    .option(
      '--quick',
      'one run of a few rows with few messages; writes nothing, fails for wrong deliveries only',
    )
    .option('--runs <number>', 'of each row', whole, 5)
    .option('--rows <names>', `some of ${ROWS.join(',')}`, oneOf(ROWS))
    .option(
      '--peers <names>',
      `some of ${Object.keys(PEERS).join(',')}, or none`,
      peerNames,
      Object.keys(PEERS),
    )
    .option(
      '--peer <label=command>',
      'beside it any server that speaks the same protocol, on the port of 127.0.0.1 that {port} in its ' +
        'command stands for; may be given several times',
      peerCommand,
      new Map<string, string>(),
    )
    .option('--admin', 'beside it the same with its admin endpoint, scraped every second')
    .option('--tls', 'beside it the same over TLS, with a certificate that openssl makes')
    .option(
      '--out <folder>',
      'where RESULTS.md and results.svg go; by default a run of all rows writes to bench',
    )
    .parse()
    .opts<Options>();
}

/** The command line that measures again, without paths, which are of this machine alone. */
export function again(): string {
  const given = process.argv
    .slice(2)
    .map((argument) => argument.replace(/^(--peer=)?([\w.-]+)=.*\{port\}.*$/s, "$1'$2=... {port}'"));
  return ['npm run bench', ...(given.length === 0 ? [] : ['--', ...given])]
    .join(' ')
    .replace(/ --out[ =]\S+/, '');
}

/** @throws {InvalidArgumentError} as an option's parser does, which the next one is too */
export function whole(text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new InvalidArgumentError('must be a whole number above 0');
  return Number(text);
}

export function oneOf(known: readonly string[]): (text: string) => string[] {
  return (text) => {
    const given = text.split(',');
    const unknown = given.find((name) => !known.includes(name));
    if (unknown !== undefined) throw new InvalidArgumentError(`there is no '${unknown}'`);
    return given;
  };
}

function peerNames(text: string): string[] {
  return text === 'none' ? [] : oneOf(Object.keys(PEERS))(text);
}

function peerCommand(text: string, known: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const [, label, command] = /^([\w.-]+)=(.*\{port\}.*)$/s.exec(text) ?? [];
  if (label === undefined || command === undefined) {
    throw new InvalidArgumentError('must be LABEL=COMMAND, with {port} in the command');
  }
  const taken = ['a-chat', ...Object.values(PEERS).map(({ program }) => program), ...known.keys()];
  if (taken.includes(label)) throw new InvalidArgumentError(`'${label}' is another server`);
  return new Map([...known, [label, command]]);
}
