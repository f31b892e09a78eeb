import { OptionError, resolveSettings } from '../settings/options.ts';
import { passwd } from './set-password.ts';
import { type Written, fileOf, say } from './written.ts';

/** Gives an account its password. Resolves with the exit code. */
export async function setPassword(name: string, written: Written): Promise<number> {
  const { accounts } = resolveSettings(written, process.env, await fileOf(written), ['accounts']).values;
  if (accounts === undefined) throw new OptionError('--accounts is needed: the file to write to');
  await passwd(name, accounts, process.stdin, say);
  return 0;
}
