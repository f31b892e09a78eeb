import { nameProblem, normalizeName } from './names.ts';
import { OptionError } from './options.ts';
import { type Input, askSecret } from './prompt.ts';

/**
 * A login line with a password, which is asked for, and not shown, where `input` is a terminal; otherwise it is the first
 * line, and what comes behind it stays. Throws an `OptionError` for what is no name.
 *
 * @param say shows the question
 */
export async function loginWithPassword(
  written: string,
  input: Input,
  say: (text: string) => void,
): Promise<string> {
  const name = normalizeName(written);
  const problem = nameProblem(name);
  if (problem !== undefined) throw new OptionError(problem);
  const [password = ''] = await askSecret([`password of ${name}: `], input, say);
  return `${name}:${password}`;
}
