import { type KeyObject, X509Certificate, constants, createPrivateKey } from 'node:crypto';
import { type SecureContextOptions, createSecureContext } from 'node:tls';
import { readFirst } from './files.ts';
import { OptionError } from './error.ts';

/** PEM files of one side of TLS. A server always shows a certificate, a client only where it is asked to. */
export interface CredentialFiles {
  /** The certificate to show, with those that vouch for it. */
  readonly tlsCert?: string | undefined;
  /** The private key of that certificate. */
  readonly tlsKey?: string | undefined;
  /** The signers that the certificates of peers must have. */
  readonly tlsCa?: string | undefined;
}

/** The content of the files, and the options of TLS that go with it. */
export interface Credentials extends SecureContextOptions {
  readonly cert?: Buffer | undefined;
  readonly ca?: Buffer | undefined;
}

/** The places in a file where a certificate begins. */
const CERTIFICATE_START = /(?=-----BEGIN [A-Z0-9 ]*CERTIFICATE-----)/;

/** The beginning of a key with a passphrase, in either of two forms. */
const ENCRYPTED_KEY = /^(?:-----BEGIN ENCRYPTED |Proc-Type: *4, *ENCRYPTED)/m;

/**
 * Reads the files. Throws an error of `read` for a file that cannot be read, and an `OptionError` for one
 * that cannot be used.
 *
 * @param read returns the bytes of a file
 */
export function readCredentials({ tlsCert, tlsKey, tlsCa }: CredentialFiles, read = readFirst): Credentials {
  const cert = tlsCert === undefined ? undefined : readCertificates(tlsCert, read);
  const ca = tlsCa === undefined ? undefined : readCertificates(tlsCa, read);
  const key = tlsKey === undefined ? undefined : read(tlsKey);
  if (tlsCert !== undefined && tlsKey !== undefined && cert !== undefined && key !== undefined)
    checkPair(tlsCert, cert, tlsKey, key);
  // A peer of TLS 1.2 may ask for one new handshake after the other. Each costs this side much more than the
  // peer. Node's own `disableRenegotiation` reports them, but does not prevent them.
  const secureOptions = constants.SSL_OP_NO_RENEGOTIATION;
  const credentials: Credentials = { minVersion: 'TLSv1.2', secureOptions, cert, key, ca };
  // The checks above find most mistakes. OpenSSL may still hold a key or a certificate for too weak.
  check(`${tlsKey ?? tlsCa ?? ''}: cannot be used`, () => createSecureContext(credentials));
  return credentials;
}

/**
 * The doubts about certificates, one line each: expired, or not valid yet.
 *
 * @param now ms since 1970
 */
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
      // The subject of a certificate may be `undefined`, whatever the type says.
      const whose = (subject as string | undefined)?.replaceAll('\n', ', ') ?? serialNumber;
      const what = `${path}: the certificate ${whose}`;
      if (to.getTime() < now) return [`${what} expired on ${to.toISOString()}`];
      return from.getTime() > now ? [`${what} is not valid before ${from.toISOString()}`] : [];
    });
  });
}

/**
 * Reads certificates, and checks each. OpenSSL would read a file up to the first certificate that it does not
 * understand, and ignore the rest.
 */
function readCertificates(path: string, read: typeof readFirst): Buffer {
  const bytes = read(path);
  for (const pem of certificatesIn(bytes)) check(`${path}: no certificate`, () => new X509Certificate(pem));
  return bytes;
}

/** The texts of the certificates in a file. A file without any is one text, which is no certificate. */
function certificatesIn(bytes: Buffer): readonly string[] {
  const texts = bytes.toString('latin1').split(CERTIFICATE_START);
  // Text before the first certificate is a comment.
  const certificates = texts.filter((text) => text.startsWith('-----BEGIN'));
  return certificates.length > 0 ? certificates : texts;
}

/** Checks that a key is that of the first certificate. OpenSSL's own messages for a mismatch are obscure. */
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
    const problem = ENCRYPTED_KEY.test(pem.toString('latin1'))
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
