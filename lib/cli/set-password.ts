import { accountOf } from '../admission/accounts.ts';
import { nameProblem, normalizeName } from '../protocol/names.ts';
import { OptionError } from '../settings/error.ts';
import { hashPassword } from '../admission/passwords.ts';
import { type Input, askSecret } from './prompt.ts';
import { rewrite } from './rewrite-file.ts';
import { defang, trim } from '../protocol/text.ts';

/** The byte order mark, in Latin-1. */
const BYTE_ORDER_MARK = Buffer.from('\ufeff').toString('latin1');

/**
 * Sets the password of an account. A file or an account that does not exist is made. At a terminal the
 * password is asked for twice, and not shown; otherwise it is the first line of `input`. Throws an
 * `OptionError` for a name or a password that cannot be, and Node's error where the file cannot be written.
 *
 * @param say prints the questions
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
  // An input that is not at its end would keep the process alive.
  input.destroy();
  if (password !== again) throw new OptionError('the two passwords are not the same');
  const bare = trim(password);
  if (bare === '') throw new OptionError('a password is not empty');
  const hash = await hashPassword(bare);
  let former: string | undefined;
  const change = (bytes: Buffer) => {
    former = lineOf(name, bytes);
    return withAccount(bytes, name, hash);
  };
  // If two processes set a password at once, that of the later one stays.
  const isDone = (bytes: Buffer) => ![undefined, former].includes(lineOf(name, bytes));
  await rewrite(file, change, isDone, (why) => {
    say(`a-chat: ${defang(file)} is written in place, which a crash could cut short: ${defang(why)}\n`);
  });
}

/** The file with a new line for the account. All other lines stay as they are. */
function withAccount(bytes: Buffer, name: string, hash: string): Buffer {
  const lines = linesOf(bytes);
  const first = lines.findIndex((line) => isOf(name, line));
  const kept = lines.filter((line, index) => index <= first || !isOf(name, line));
  const account = Buffer.from(`${name}:${hash}`).toString('latin1');
  const former = kept[first];
  if (former === undefined) {
    const end = kept[0]?.endsWith('\r') === true ? '\r' : '';
    // The text behind the last line end is empty, or a line without an end.
    if (kept.at(-1) === '') kept.splice(-1, 1, account + end, '');
    else kept.push(account + end, '');
  } else {
    const mark = former.startsWith(BYTE_ORDER_MARK) ? BYTE_ORDER_MARK : '';
    kept[first] = mark + account + (former.endsWith('\r') ? '\r' : '');
  }
  return Buffer.from(kept.join('\n'), 'latin1');
}

/** The lines in Latin-1: each byte is one character, so that bytes that are no UTF-8 stay as they are. */
function linesOf(bytes: Buffer): string[] {
  return bytes.toString('latin1').split('\n');
}

function lineOf(name: string, bytes: Buffer): string | undefined {
  return linesOf(bytes).find((line) => isOf(name, line));
}

function isOf(name: string, line: string): boolean {
  return accountOf(Buffer.from(line, 'latin1').toString())?.name === name;
}
