import { promisify } from 'node:util';

/**
 * What a password costs to try: `ln` is the binary logarithm of N, and 128 · N · r bytes are needed, p times
 * over.
 */
interface Cost {
  readonly ln: number;
  readonly r: number;
  readonly p: number;
}

/** What is kept of a password. */
export interface PasswordHash {
  readonly cost: Cost;
  readonly salt: Buffer;
  readonly key: Buffer;
}

/** One of OWASP's choices for scrypt (Password Storage Cheat Sheet), the one of 32 MiB. */
const COST: Cost = { ln: 15, r: 8, p: 3 };

const SALT_BYTES = 16;
const KEY_BYTES = 32;

/** Bytes that one hash may need. */
const MOST_MEMORY = 256 * 2 ** 20;

/** The PHC string format, as passlib and others write it. */
const FORM = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,3}),p=(\d{1,3})\$([A-Za-z0-9+/]{11,})\$([A-Za-z0-9+/]{22,})$/;

/** A hash of `password` with a salt of its own: `$scrypt$ln=15,r=8,p=3$<salt>$<key>`. */
export async function hashPassword(password: string): Promise<string> {
  const crypto = await loadCrypto();
  const salt = crypto.randomBytes(SALT_BYTES);
  const key = await derive(password, salt, KEY_BYTES, COST);
  const { ln, r, p } = COST;
  return `$scrypt$ln=${ln},r=${r},p=${p}$${base64(salt)}$${base64(key)}`;
}

/** Reads what `hashPassword` wrote; `undefined` for anything else, and for what takes too much memory. */
export function parseHash(text: string): PasswordHash | undefined {
  const [whole, ln, r, p, salt = '', key = ''] = FORM.exec(text) ?? [];
  const cost = { ln: Number(ln), r: Number(r), p: Number(p) };
  const possible = cost.ln > 0 && cost.r > 0 && cost.p > 0 && memory(cost) <= MOST_MEMORY;
  if (whole === undefined || !possible) return undefined;
  return { cost, salt: Buffer.from(salt, 'base64'), key: Buffer.from(key, 'base64') };
}

/**
 * Whether `password` is the one that was hashed; found out off the event loop, and compared in constant time.
 */
export async function isPassword(password: string, { cost, salt, key }: PasswordHash): Promise<boolean> {
  const crypto = await loadCrypto();
  return crypto.timingSafeEqual(await derive(password, salt, key.length, cost), key);
}

/** A hash of no password, of the same cost as others. */
export function dummyHash(): PasswordHash {
  return { cost: COST, salt: Buffer.alloc(SALT_BYTES), key: Buffer.alloc(KEY_BYTES) };
}

/** Loaded when it is first needed: a start is quicker without. */
export async function loadCrypto(): Promise<typeof import('node:crypto')> {
  return (await import('node:crypto')).default;
}

/**
 * Characters of a password that are normalized: the time for that can grow with the square of their number.
 */
const MAX_NORMALIZED = 1024;

/** NFC, so that a password is the same on every keyboard. Runs on libuv's thread pool. */
async function derive(password: string, salt: Buffer, length: number, cost: Cost): Promise<Buffer> {
  const crypto = await loadCrypto();
  const scrypt = promisify<string, Buffer, number, object, Buffer>(crypto.scrypt);
  const { ln, r, p } = cost;
  const plain = password.length > MAX_NORMALIZED ? password : password.normalize('NFC');
  return scrypt(plain, salt, length, { N: 2 ** ln, r, p, maxmem: 2 * memory(cost) });
}

function memory({ ln, r, p }: Cost): number {
  return 128 * r * (2 ** ln + p);
}

function base64(bytes: Buffer): string {
  return bytes.toString('base64').replaceAll('=', '');
}
