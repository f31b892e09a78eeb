import type { Logins } from '../client/connect.ts';
import { nameProblem, normalizeName } from '../protocol/names.ts';
import { OptionError } from '../settings/error.ts';
import { Hidden, type Input, askSecret, firstLine } from './prompt.ts';

/** Logs in with a name, once. */
export function loginAs(name: string): Logins {
  return { next: (refusal) => Promise.resolve(refusal === undefined ? name : undefined), end: () => {} };
}

/** Logs in with the first line of `input` that is not blank. At a terminal the next one is another try. */
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
 * Logs in with a name and a password. At a terminal the password is asked for, not shown, and asked for again
 * where it was wrong. Otherwise it is the first line of `input`, and later lines stay there. Resolves when
 * the first password was given. Throws an `OptionError` for a name that nobody may have.
 *
 * @param say prints the question
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
  // Nothing that is typed is shown before the server has answered: it may be the password again.
  const terminal = await Hidden.open(input, say);
  const ask = async () => {
    const password = await terminal.ask(`password of ${name}: `);
    return `${name}:${password ?? ''}`;
  };
  const first = await ask();
  const next = async (refusal?: string) => {
    if (refusal === undefined) return first;
    // Lines that were typed ahead were meant for the chat.
    terminal.forget();
    return refusal.startsWith('! auth-failed ') ? ask() : undefined;
  };
  const end = () => {
    terminal.close();
  };
  return { next, end };
}
