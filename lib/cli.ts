import { Argument, Command, CommanderError, Option } from 'commander';
import { OptionError, flagOf, keys, settings } from './options.ts';
import { defang } from './text.ts';

/** What the command line asks for; options as they were written. */
export type Order =
  | { readonly command: 'serve' | 'connect'; readonly options: Readonly<Record<string, unknown>> }
  /** Everything asked for was said already: help, the version, or what was wrong. */
  | { readonly command: 'exit'; readonly code: number };

export interface Streams {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
}

/** Reads the arguments after the program's name. */
export function readCommandLine(args: readonly string[], version: string, streams: Streams): Order {
  let order: Order = { command: 'exit', code: 0 };
  const program = new Command('a-chat')
    .description('A small message server for netcat: what it accepted is delivered, even in a shutdown.')
    .version(version, '--version', 'print the version')
    .helpOption('--help', 'print this')
    .helpCommand(false)
    .enablePositionalOptions()
    .showSuggestionAfterError(false)
    .exitOverride()
    .configureOutput({
      writeOut: streams.out,
      writeErr: streams.err,
      outputError: (message, write) => {
        write(complaint(message.replace(/^error: /, '')));
      },
    })
    .addArgument(
      new Argument('[serve]', 'run the server, which it does unless told otherwise').choices(['serve']),
    )
    .addHelpText(
      'after',
      '\nEach option can be set in the environment too: A_CHAT_PORT for --port. The option wins.',
    )
    .action((_serve: unknown, options: Record<string, unknown>) => {
      order = { command: 'serve', options };
    });
  for (const key of keys()) program.addOption(optionOf(key));

  program
    .command('connect')
    .description('chat: stdin lines to the server, its lines to stdout')
    .helpOption('--help', 'print this')
    .addOption(optionOf('host', 'address of the server'))
    .addOption(optionOf('port', 'port of the server'))
    .option('--name <name>', 'log in with this name')
    .action((_options: unknown, command: Command) => {
      // Also what stands before the word `connect`.
      order = { command: 'connect', options: command.optsWithGlobals() };
    });

  try {
    program.parse(args, { from: 'user' });
  } catch (failure) {
    if (!(failure instanceof CommanderError)) throw failure;
    order = { command: 'exit', code: failure.exitCode === 0 ? 0 : 2 };
  }
  return order;
}

/** One line about what went wrong, fit for a terminal whatever was typed. */
export function complaint(message: string): string {
  return `a-chat: ${defang(message.trim().replaceAll('\n', ' '))}\n`;
}

/** What is wrong, and the exit code: 2 for what the operator wrote, 1 for what the system refused. */
export function explain(failure: unknown): { message: string; code: number } | undefined {
  if (failure instanceof OptionError) return { message: failure.message, code: 2 };
  if (failure instanceof Error && 'syscall' in failure) return { message: failure.message, code: 1 };
  return undefined;
}

function optionOf(key: keyof typeof settings, help = settings[key].help): Option {
  const { value, placeholder } = settings[key];
  const show = settings[key].show as (given: typeof value) => string;
  const known = placeholder === '' || show(value) === '' ? '' : ` (${show(value)})`;
  const option = new Option(`${flagOf(key)} ${placeholder}`.trim(), help + known);
  if (!Array.isArray(value)) return option;
  return option.argParser((one: string, before: readonly string[] | undefined) => [...(before ?? []), one]);
}
