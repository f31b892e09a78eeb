import { promisify } from 'node:util';

/**
 * Parameters of scrypt, the cost of trying a password. `ln` is the binary logarithm of N. A hash takes 128 ·
 * N · r bytes, and is made p times over.
 */
interface Cost {
  readonly ln: number;
  readonly r: number;
  readonly p: number;
}

/** The hash of a password, with its salt. */
export interface PasswordHash {
  readonly cost: Cost;
  readonly salt: Buffer;
  readonly key: Buffer;
}

/** The choice of OWASP for scrypt with 32 MiB (Password Storage Cheat Sheet). */
const COST: Cost = { ln: 15, r: 8, p: 3 };

const SALT_BYTES = 16;
const KEY_BYTES = 32;

/** Most bytes of memory for one hash. */
const MAX_HASH_MEMORY_BYTES = 256 * 2 ** 20;

/** A hash in the PHC string format, as passlib and others write it. */
const PHC_FORM =
  /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,3}),p=(\d{1,3})\$([A-Za-z0-9+/]{11,})\$([A-Za-z0-9+/]{22,})$/;

/** Makes a hash of `password`, with a salt of its own: `$scrypt$ln=15,r=8,p=3$<salt>$<key>`. */
export async function hashPassword(password: string): Promise<string> {
  const crypto = await loadCrypto();
  const salt = crypto.randomBytes(SALT_BYTES);
  const key = await derive(password, salt, KEY_BYTES, COST);
  const { ln, r, p } = COST;
  return `$scrypt$ln=${ln},r=${r},p=${p}$${base64(salt)}$${base64(key)}`;
}

/** Parses a hash of `hashPassword`; `undefined` for other text, and for a cost that takes too much memory. */
export function parseHash(text: string): PasswordHash | undefined {
  const [whole, ln, r, p, salt = '', key = ''] = PHC_FORM.exec(text) ?? [];
  const cost = { ln: Number(ln), r: Number(r), p: Number(p) };
  const possible = cost.ln > 0 && cost.r > 0 && cost.p > 0 && memory(cost) <= MAX_HASH_MEMORY_BYTES;
  if (whole === undefined || !possible) return undefined;
  return { cost, salt: Buffer.from(salt, 'base64'), key: Buffer.from(key, 'base64') };
}

/**
 * Whether the hash is that of `password`. It is computed off the event loop, and compared in constant time.
 */
export async function isPassword(password: string, { cost, salt, key }: PasswordHash): Promise<boolean> {
  const crypto = await loadCrypto();
  return crypto.timingSafeEqual(await derive(password, salt, key.length, cost), key);
}

/** A hash that no password has, at the usual cost. */
export function dummyHash(): PasswordHash {
  return { cost: COST, salt: Buffer.alloc(SALT_BYTES), key: Buffer.alloc(KEY_BYTES) };
}

/** Loads the module when it is first needed: a program without accounts starts faster. */
export async function loadCrypto(): Promise<typeof import('node:crypto')> {
  return (await import('node:crypto')).default;
}

/**
 * Most characters of a password that is normalized. The time that NFC takes can grow with the square of the
 * length.
 */
const MAX_NORMALIZED_CHARACTERS = 1024;

/** The key of a password. NFC makes it the same for every keyboard. It is computed on libuv's thread pool. */
async function derive(password: string, salt: Buffer, length: number, cost: Cost): Promise<Buffer> {
  const crypto = await loadCrypto();
  const scrypt = promisify<string, Buffer, number, object, Buffer>(crypto.scrypt);
  const { ln, r, p } = cost;
  const plain = password.length > MAX_NORMALIZED_CHARACTERS ? password : password.normalize('NFC');
  return scrypt(plain, salt, length, { N: 2 ** ln, r, p, maxmem: 2 * memory(cost) });
}

function memory({ ln, r, p }: Cost): number {
  return 128 * r * (2 ** ln + p);
}

function base64(bytes: Buffer): string {
  return bytes.toString('base64').replaceAll('=', '');
}
