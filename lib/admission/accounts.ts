import { readFirst } from '../settings/files.ts';
import { Lookalikes } from '../protocol/lookalikes.ts';
import { nameProblem, normalizeName } from '../protocol/names.ts';
import { type PasswordHash, dummyHash, isPassword, loadCrypto, parseHash } from './passwords.ts';
import { trim } from '../protocol/text.ts';

/** A mistake in a file of accounts. The message names the line, and repeats nothing of it. */
export class AccountsError extends Error {
  override readonly name = 'AccountsError';
}

/**
 * Names, with the hashes of their passwords. In the file each account is a line, `name:hash`. Empty lines and
 * lines that begin with `#` are skipped, as are blanks around a line and a byte order mark before it.
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
   * Reads the file. Throws the error of `read` where it cannot be read, and an `AccountsError` where it has a
   * mistake.
   *
   * @param read reads the bytes of a file
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

  /** Number of accounts. */
  get size(): number {
    return this.#hashes.size;
  }

  /** Whether `name`, which is normalized, has an account. */
  has(name: string): boolean {
    return this.#hashes.has(name);
  }

  /**
   * Whether `name`, which has no account, looks like a name that has one. At least one of the two is not
   * ASCII.
   */
  hasLookalike(name: string): boolean {
    return this.#lookalikes.has(name);
  }

  /** Whether the account exists and has that password. The answer takes as long where there is no account. */
  async check(name: string, password: string): Promise<boolean> {
    const dummy = await this.#dummy(name);
    const right = await isPassword(password, this.#hashes.get(name) ?? dummy);
    return right && this.#hashes.has(name);
  }

  /**
   * The hash that a name without an account is checked against: that of some account, and always the same one
   * for the name. So the time of the check does not tell whether there is an account.
   */
  async #dummy(name: string): Promise<PasswordHash> {
    const crypto = await loadCrypto();
    secret ??= crypto.randomBytes(32);
    const chosen =
      crypto.createHmac('sha256', secret).update(name).digest().readUInt32LE() % (this.size || 1);
    return this.#list[chosen] ?? dummyHash();
  }
}

/** Key of the choice above. It keeps clients from knowing which hash is chosen. */
let secret: Buffer | undefined;

/** The account on a line of the file; `undefined` for an empty line and a comment. */
export function accountOf(line: string): ReturnType<typeof splitAccount> | undefined {
  // Editors put a byte order mark before the first line. Files that were joined have more of them.
  const text = trim(line.replace(/^\ufeff/, ''));
  return text === '' || text.startsWith('#') ? undefined : splitAccount(text);
}

/** The normalized name before the first colon, and the text behind the colon, if there is one. */
export function splitAccount(line: string): { readonly name: string; readonly rest: string | undefined } {
  const colon = line.indexOf(':');
  if (colon < 0) return { name: normalizeName(line), rest: undefined };
  return { name: normalizeName(line.slice(0, colon)), rest: line.slice(colon + 1) };
}
