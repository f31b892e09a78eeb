import type { Logins } from '../client/connect.ts';
import { nameProblem, normalizeName } from '../protocol/names.ts';
import { OptionError } from '../settings/error.ts';
import { Hidden, type Input, askSecret, firstLine } from './prompt.ts';

/** The name alone, once. */
export function loginAs(name: string): Logins {
  return { next: (refusal) => Promise.resolve(refusal === undefined ? name : undefined), end: () => {} };
}

/** The first line of `input` that is not blank; at a terminal the next one if that is refused. */
export function loginTyped(input: Input): Logins {
  const next = async (refusal?: string) => {
    if (refusal !== undefined && input.isTTY !== true) return undefined;
    while (!input.readableEnded) {
      const line = (await firstLine(input)).trim();
      if (line !== '') return line;
    }
    return undefined;
  };
  return { next, end: () => {} };
}

/**
 * A name with a password, which is asked for, and not shown, where `input` is a terminal, and again where it
 * was wrong; otherwise it is the first line, and what comes behind it stays. Resolves when the first was
 * given; throws an `OptionError` for what is no name.
 *
 * @param say shows the question
 */
export async function loginWithPassword(
  written: string,
  input: Input,
  say: (text: string) => void,
): Promise<Logins> {
  const name = normalizeName(written);
  const problem = nameProblem(name);
  if (problem !== undefined) throw new OptionError(problem);
  if (input.isTTY !== true) {
    const [password = ''] = await askSecret([], input, say);
    return loginAs(`${name}:${password}`);
  }
  // Nothing is shown before the server has answered: the next thing that is typed may be the password again.
  const terminal = await Hidden.open(input, say);
  const ask = async () => {
    const password = await terminal.ask(`password of ${name}: `);
    return `${name}:${password ?? ''}`;
  };
  const first = await ask();
  const next = async (refusal?: string) => {
    if (refusal === undefined) return first;
    // It was meant for whoever was to be in by then.
    terminal.forget();
    return refusal.startsWith('! auth-failed ') ? ask() : undefined;
  };
  const end = () => {
    terminal.close();
  };
  return { next, end };
}
