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
import { Writable } from 'node:stream';
import type { ReadStream } from 'node:tty';
import { splitAccount } from './accounts.ts';
import { nameProblem, normalizeName } from './names.ts';
import { OptionError } from './options.ts';
import { hashPassword } from './passwords.ts';
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
  input: NodeJS.ReadStream,
  say: (text: string) => void,
): Promise<void> {
  const name = normalizeName(written);
  const problem = nameProblem(name);
  if (problem !== undefined) throw new OptionError(problem);
  const password = trim(await (input.isTTY ? askTwice(name, input, say) : firstLine(input)));
  if (password === '') throw new OptionError('a password is not empty');
  write(file, name, await hashPassword(password));
}

async function askTwice(name: string, input: ReadStream, say: (text: string) => void): Promise<string> {
  const nowhere = new Writable({
    write: (_chunk, _encoding, done) => {
      done();
    },
  });
  const { createInterface } = await loadReadline();
  // The terminal stops showing what is typed here, before the first question.
  const terminal = createInterface({ input, output: nowhere, terminal: true, historySize: 0 });
  terminal.once('SIGINT', () => {
    // The terminal is as it was by the time of 'close'.
    terminal.once('close', () => process.kill(process.pid, 'SIGINT')).close();
  });
  const lines = terminal[Symbol.asyncIterator]();
  const ask = async (question: string): Promise<string> => {
    say(question);
    const line: IteratorResult<string, undefined> = await lines.next();
    say('\n');
    return line.value ?? '';
  };
  try {
    const password = await ask(`password of ${name}: `);
    if (password !== (await ask('again: '))) throw new OptionError('the two passwords are not the same');
    return password;
  } finally {
    terminal.close();
  }
}

/** Loaded here alone: the start of a server is quicker without. */
function loadReadline(): Promise<typeof import('node:readline')> {
  return import('node:readline');
}

async function firstLine(input: NodeJS.ReadStream): Promise<string> {
  const { createInterface } = await loadReadline();
  for await (const line of createInterface({ input })) return line;
  return '';
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
