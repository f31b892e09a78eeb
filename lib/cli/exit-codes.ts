import { constants } from 'node:os';

/** Exit codes of the commands, as docs/scripts.md lists them. */
export const EXIT_CODES = {
  done: 0,
  /** Messages or lines of the log were lost, or the system or the server refused something. */
  failed: 1,
  /** A setting, an option or a file of accounts is wrong. */
  misconfigured: 2,
  /** The server refused the login of `connect`. */
  loginRefused: 3,
} as const;

/** The exit code of a server whose drain a second `signal` cut short: a shell's for a killed process. */
export function codeOfSignal(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal];
}
