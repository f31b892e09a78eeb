import {
  chmodSync,
  chownSync,
  existsSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { splitAccount } from './accounts.ts';
import { nameProblem, normalizeName } from './names.ts';
import { OptionError } from './options.ts';
import { hashPassword } from './passwords.ts';
import { type Input, askSecret } from './prompt.ts';
import { trim } from './text.ts';

/**
 * Gives an account its password, and makes file and account where there is none. The password is asked for twice, and not
 * shown, where `input` is a terminal; otherwise it is the first line. Throws an `OptionError` for what cannot be, and
 * Node's error where the file cannot be written.
 *
 * @param say shows the questions
 */
export async function passwd(
  written: string,
  file: string,
  input: Input,
  say: (text: string) => void,
): Promise<void> {
  const name = normalizeName(written);
  const problem = nameProblem(name);
  if (problem !== undefined) throw new OptionError(problem);
  const [password = '', again = password] = await askSecret([`password of ${name}: `, 'again: '], input, say);
  // One that is not at its end would keep the process alive.
  input.destroy();
  if (password !== again) throw new OptionError('the two passwords are not the same');
  const bare = trim(password);
  if (bare === '') throw new OptionError('a password is not empty');
  write(file, name, await hashPassword(bare));
}

/**
 * Puts a line into the file in place of the one of that name. The file is there whole at each moment, for its owner alone
 * to read, and keeps its owner.
 */
function write(file: string, name: string, hash: string): void {
  const target = existsSync(file) ? realpathSync(file) : file;
  const before = existsSync(target) ? readFileSync(target, 'utf8') : '';
  const lines = before.split('\n').filter((line) => line !== '');
  const at = lines.findIndex((line) => splitAccount(line).name === name);
  lines.splice(at < 0 ? lines.length : at, 1, `${name}:${hash}`);
  const next = `${target}.${process.pid}`;
  writeFileSync(next, `${lines.join('\n')}\n`, { mode: 0o600, flag: 'wx', flush: true });
  try {
    if (existsSync(target)) {
      const { uid, gid } = statSync(target);
      chownSync(next, uid, gid);
    }
    chmodSync(next, 0o600);
    renameSync(next, target);
  } catch (failure) {
    rmSync(next, { force: true });
    throw failure;
  }
}
