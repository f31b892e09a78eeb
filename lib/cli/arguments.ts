import { Argument, Command, CommanderError, Option } from 'commander';
import type { Options } from '../settings/sources.ts';
import { settings } from '../settings/table.ts';
import { complaint } from './failures.ts';
import { optionOf, optionsOfSettings } from './setting-options.ts';

/** The command that the command line asks for, with the options as they were written. */
export type Order =
  | { readonly command: 'serve' | 'config'; readonly options: Options }
  | { readonly command: 'connect'; readonly endpoint: string | undefined; readonly options: Options }
  | { readonly command: 'passwd'; readonly name: string; readonly options: Options }
  /** Nothing is left to do: the help, the version or an error is printed already. */
  | { readonly command: 'exit'; readonly code: number };

/** Columns of the help. */
const HELP_COLUMNS = 80;

/** The outputs of the command line. */
export interface Streams {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
}

/** Reads the arguments after the program's name. Prints what they ask for: help, the version, an error. */
export function readCommandLine(args: readonly string[], version: string, streams: Streams): Order {
  let order: Order = { command: 'exit', code: 0 };
  const program = new Command('a-chat')
    .description('A small message server for netcat: what it accepted is delivered, even in a shutdown.')
    .version(version, '--version', 'print the version')
    .usage('[serve] [options] | <command> [options]')
    .helpOption('-h, --help', 'print this')
    .helpCommand(false)
    .enablePositionalOptions()
    .showSuggestionAfterError(false)
    .exitOverride()
    .configureHelp({ helpWidth: HELP_COLUMNS, minWidthToWrap: 20 })
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
      '\nEach option can also be set in the environment, A_CHAT_PORT for --port, or in\n' +
        'the file, with a line `port: 8080`. An option wins over the environment, that\nover the file. ' +
        '--no-plain and the like switch off what these switch on.',
    )
    .action((_serve: unknown, options: Options) => {
      order = { command: 'serve', options };
    });
  for (const option of optionsOfSettings()) program.addOption(option);
  program.addOption(
    new Option('--config <file>', 'settings from a file, in YAML or JSON').helpGroup(settings.admin.group),
  );
  /** The options of a command, those before its name included. */
  const optionsOf = (command: Command): Options => ({ ...program.opts(), ...command.opts() });

  program
    .command('connect')
    .description('chat: stdin lines to the server, its lines to stdout')
    .argument(
      '[endpoint]',
      'the server: tcp://<address>:<port>, tls://<address>:<port> or unix:<path>; in its absence --host and --port',
    )
    .addOption(optionOf('host', 'address of the server'))
    .addOption(optionOf('port', 'port of the server'))
    .addOption(optionOf('tlsCa', 'signers that a tls:// server is to have, in place of those trusted here'))
    .addOption(optionOf('tlsCert', 'certificate to show to a tls:// server that asks for one'))
    .addOption(optionOf('tlsKey', 'its private key'))
    .option('--name <name>', 'log in with this name; without it, the first line is the login')
    .option('--ask-password', 'ask for the password of that name, or take it from the first line of stdin')
    .action((endpoint: string | undefined, _options: unknown, command: Command) => {
      order = { command: 'connect', endpoint, options: optionsOf(command) };
    });

  const config = program
    .command('config')
    .description('check the settings: options, environment and file')
    .option('--print', 'show what is in force, and where each value came from')
    .option('--config <file>', 'settings from a file')
    .action((_options: unknown, command: Command) => {
      order = { command: 'config', options: optionsOf(command) };
    });
  for (const option of optionsOfSettings()) config.addOption(option.hideHelp());

  program
    .command('passwd')
    .description('give an account its password: asks for it, or takes a line of stdin')
    .argument('<name>', 'the name to log in with')
    .addOption(optionOf('accounts', 'the file to write it to'))
    .action((name: string, _options: unknown, command: Command) => {
      order = { command: 'passwd', name, options: optionsOf(command) };
    });

  const commands = program.commands.map((command) => command.name());
  program
    .command('help')
    .description('print this, or the help of a command')
    .addArgument(new Argument('[command]', 'which').choices(['serve', ...commands]))
    .action((name: string | undefined) => {
      (program.commands.find((command) => command.name() === name) ?? program).help();
    });

  try {
    program.parse(args, { from: 'user' });
  } catch (failure) {
    if (!(failure instanceof CommanderError)) throw failure;
    order = { command: 'exit', code: failure.exitCode === 0 ? 0 : 2 };
  }
  return order;
}
