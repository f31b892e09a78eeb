import { randomBytes, scryptSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const made: string[] = [];

/** A directory of a test's own. */
export function directory(): string {
  const path = mkdtempSync(join(tmpdir(), 'a-chat-'));
  made.push(path);
  return path;
}

/** For `afterEach`. */
export function removeDirectories(): void {
  for (const path of made.splice(0)) rmSync(path, { recursive: true });
}

/** The line of an account, cheap to check unless told otherwise. */
export function account(name: string, password: string, ln = 4): string {
  const salt = randomBytes(16);
  const key = scryptSync(password, salt, 32, { N: 2 ** ln, r: 8, p: 1, maxmem: 2 ** 28 });
  const base64 = (bytes: Buffer) => bytes.toString('base64').replaceAll('=', '');
  return `${name}:$scrypt$ln=${ln},r=8,p=1$${base64(salt)}$${base64(key)}`;
}

/** A file of accounts. */
export function accountsFile(...lines: string[]): string {
  const file = join(directory(), 'accounts');
  writeFileSync(file, lines.map((line) => `${line}\n`).join(''));
  return file;
}
