import { OptionError } from '../settings/error.ts';
import { type Options, readSettings } from '../settings/sources.ts';
import { EXIT_CODES } from './exit-codes.ts';
import { passwd } from './set-password.ts';
import { fileOf, say } from './written.ts';

/** Sets the password of an account. Resolves with the exit code. */
export async function setPassword(name: string, written: Options): Promise<number> {
  const { accounts } = readSettings(['accounts'], written, process.env, await fileOf(written));
  if (accounts === undefined) throw new OptionError('--accounts is needed: the file to write to');
  await passwd(name, accounts, process.stdin, say);
  return EXIT_CODES.done;
}
