import { readFirst } from '../settings/files.ts';
import { Lookalikes } from '../protocol/lookalikes.ts';
import { nameProblem, normalizeName } from '../protocol/names.ts';
import { type PasswordHash, dummyHash, isPassword, loadCrypto, parseHash } from './passwords.ts';
import { trim } from '../protocol/text.ts';

/** A file that is none of accounts; its message names the line, and repeats nothing of it. */
export class AccountsError extends Error {
  override readonly name = 'AccountsError';
}

/**
 * Names and what is kept of their passwords. In the file each is a line, `name:hash`; empty lines and lines
 * that begin with `#` mean nothing, and neither do blanks around a line and a byte order mark before it.
 */
export class Accounts {
  readonly #hashes: ReadonlyMap<string, PasswordHash>;
  readonly #list: readonly PasswordHash[];
  readonly #lookalikes: Lookalikes;

  private constructor(hashes: ReadonlyMap<string, PasswordHash>) {
    this.#hashes = hashes;
    this.#list = [...hashes.values()];
    this.#lookalikes = new Lookalikes(hashes);
    for (const name of hashes.keys()) this.#lookalikes.add(name);
  }

  /**
   * Reads the file. Throws an error of `read` where it cannot be read, and an `AccountsError` for what it
   * holds.
   *
   * @param read gives the bytes of a file
   */
  static read(file: string, read = readFirst): Accounts {
    const hashes = new Map<string, PasswordHash>();
    for (const [index, line] of read(file).toString().split('\n').entries()) {
      const account = accountOf(line);
      if (account === undefined) continue;
      const { name, rest } = account;
      const broken = (why: string) => new AccountsError(`${file}, line ${index + 1}: ${why}`);
      if (nameProblem(name) !== undefined) throw broken('no account begins like that');
      if (hashes.has(name)) throw broken('the same name again');
      const hash = parseHash(rest?.trim() ?? '');
      if (hash === undefined) throw broken('no hash that a-chat passwd writes');
      hashes.set(name, hash);
    }
    return new Accounts(hashes);
  }

  get size(): number {
    return this.#hashes.size;
  }

  has(name: string): boolean {
    return this.#hashes.has(name);
  }

  /**
   * Whether `name`, which has no account, looks like one that does, and at least one of the two is not ASCII.
   */
  hasLookalike(name: string): boolean {
    return this.#lookalikes.has(name);
  }

  /** Whether there is such an account with that password. It takes as long to say no where there is none. */
  async check(name: string, password: string): Promise<boolean> {
    const dummy = await this.#dummy(name);
    const right = await isPassword(password, this.#hashes.get(name) ?? dummy);
    return right && this.#hashes.has(name);
  }

  /**
   * For a name without an account, always the same of somebody else, so that its cost does not give it away.
   */
  async #dummy(name: string): Promise<PasswordHash> {
    const crypto = await loadCrypto();
    secret ??= crypto.randomBytes(32);
    const chosen =
      crypto.createHmac('sha256', secret).update(name).digest().readUInt32LE() % (this.size || 1);
    return this.#list[chosen] ?? dummyHash();
  }
}

let secret: Buffer | undefined;

/** The account that a line of the file is of; `undefined` for an empty one and a comment. */
export function accountOf(line: string): ReturnType<typeof splitAccount> | undefined {
  // Editors put a mark before the first line, and files that were joined may have others.
  const text = trim(line.replace(/^\ufeff/, ''));
  return text === '' || text.startsWith('#') ? undefined : splitAccount(text);
}

/** The name before the first colon, as names are compared, and what follows it, if there is one. */
export function splitAccount(line: string): { readonly name: string; readonly rest: string | undefined } {
  const colon = line.indexOf(':');
  if (colon < 0) return { name: normalizeName(line), rest: undefined };
  return { name: normalizeName(line.slice(0, colon)), rest: line.slice(colon + 1) };
}
