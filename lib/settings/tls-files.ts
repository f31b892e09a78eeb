import { type KeyObject, X509Certificate, constants, createPrivateKey } from 'node:crypto';
import { type SecureContextOptions, createSecureContext } from 'node:tls';
import { readFirst } from './files.ts';
import { OptionError } from './error.ts';

/**
 * Files of PEM: the certificate that one shows and its key, as a server always does and a client where it is
 * asked to, and the signers that one's peers are held to.
 */
export interface CredentialFiles {
  readonly tlsCert?: string | undefined;
  readonly tlsKey?: string | undefined;
  readonly tlsCa?: string | undefined;
}

/** What one shows of oneself, and what one holds one's peers to. */
export interface Credentials extends SecureContextOptions {
  readonly cert?: Buffer | undefined;
  readonly ca?: Buffer | undefined;
}

/** Where the certificates in a file begin. */
const BEGINNINGS = /(?=-----BEGIN [A-Z0-9 ]*CERTIFICATE-----)/;

/** A key that is kept under a passphrase, in either of two forms. */
const ENCRYPTED = /^(?:-----BEGIN ENCRYPTED |Proc-Type: *4, *ENCRYPTED)/m;

/**
 * Reads the files. Throws an error of `read` for one that cannot be read, and an `OptionError` for one that
 * cannot be used.
 *
 * @param read gives the bytes of a file
 */
export function readCredentials({ tlsCert, tlsKey, tlsCa }: CredentialFiles, read = readFirst): Credentials {
  const cert = tlsCert === undefined ? undefined : readCertificates(tlsCert, read);
  const ca = tlsCa === undefined ? undefined : readCertificates(tlsCa, read);
  const key = tlsKey === undefined ? undefined : read(tlsKey);
  if (tlsCert !== undefined && tlsKey !== undefined && cert !== undefined && key !== undefined)
    checkPair(tlsCert, cert, tlsKey, key);
  // A peer of TLS 1.2 that asked for one new handshake after the other would cost much more than it pays.
  // Node's own switch for that, `disableRenegotiation`, tells of it and lets it happen.
  const secureOptions = constants.SSL_OP_NO_RENEGOTIATION;
  const credentials: Credentials = { minVersion: 'TLSv1.2', secureOptions, cert, key, ca };
  // The files stand for themselves by now: what is left is that OpenSSL holds one for too weak.
  check(`${tlsKey ?? tlsCa ?? ''}: cannot be used`, () => createSecureContext(credentials));
  return credentials;
}

/** What is doubtful about the certificates that were read from those files, at a time in ms since 1970. */
export function doubtsAbout(
  { tlsCert, tlsCa }: CredentialFiles,
  { cert, ca }: Credentials,
  now: number,
): string[] {
  const files = [
    [tlsCert, cert],
    [tlsCa, ca],
  ] as const;
  return files.flatMap(([path = '', bytes]) => {
    const certificates =
      bytes === undefined ? [] : certificatesIn(bytes).map((pem) => new X509Certificate(pem));
    return certificates.flatMap(({ subject, serialNumber, validFrom, validTo }) => {
      const [from, to] = [new Date(validFrom), new Date(validTo)];
      // One without a subject has none, whatever the type says.
      const whose = (subject as string | undefined)?.replaceAll('\n', ', ') ?? serialNumber;
      const what = `${path}: the certificate ${whose}`;
      if (to.getTime() < now) return [`${what} expired on ${to.toISOString()}`];
      return from.getTime() > now ? [`${what} is not valid before ${from.toISOString()}`] : [];
    });
  });
}

/**
 * Each of them is looked at: OpenSSL would take a file for a shorter one that ends where it does not
 * understand it.
 */
function readCertificates(path: string, read: typeof readFirst): Buffer {
  const bytes = read(path);
  for (const pem of certificatesIn(bytes)) check(`${path}: no certificate`, () => new X509Certificate(pem));
  return bytes;
}

/** At least one text, which need not be one of a certificate. */
function certificatesIn(bytes: Buffer): readonly string[] {
  const texts = bytes.toString('latin1').split(BEGINNINGS);
  // What stands before the first is a comment.
  const certificates = texts.filter((text) => text.startsWith('-----BEGIN'));
  return certificates.length > 0 ? certificates : texts;
}

/** OpenSSL says the same of them in words that nobody understands. */
function checkPair(certPath: string, cert: Buffer, keyPath: string, key: Buffer): void {
  const own = keyOf(keyPath, key);
  const [first, ...others] = certificatesIn(cert).map((pem) => new X509Certificate(pem));
  if (first?.checkPrivateKey(own) === true) return;
  if (others.some((other) => other.checkPrivateKey(own)))
    throw new OptionError(`${certPath}: the certificate of the key ${keyPath} must come first`);
  throw new OptionError(`${keyPath}: the key of another certificate than that in ${certPath}`);
}

function keyOf(path: string, pem: Buffer): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (failure) {
    const problem = ENCRYPTED.test(pem.toString('latin1'))
      ? 'the key has a passphrase, and one without is needed'
      : `no private key: ${reasonOf(failure)}`;
    throw new OptionError(`${path}: ${problem}`);
  }
}

function check(complaint: string, parse: () => unknown): void {
  try {
    parse();
  } catch (failure) {
    throw new OptionError(`${complaint}: ${reasonOf(failure)}`);
  }
}

function reasonOf(failure: unknown): string {
  return failure instanceof Error ? ((failure as { reason?: string }).reason ?? failure.message) : '';
}
