import { X509Certificate, constants } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type SecureContextOptions, createSecureContext } from 'node:tls';
import { OptionError } from './options.ts';

/**
 * Files of PEM: the certificate that one shows and its key, as a server always does and a client where it is asked to,
 * and the signers that one's peers are held to.
 */
export interface CredentialFiles {
  readonly tlsCert?: string | undefined;
  readonly tlsKey?: string | undefined;
  readonly tlsCa?: string | undefined;
}

/** What one shows of oneself, and what one holds one's peers to. */
export type Credentials = SecureContextOptions;

/** Where the certificates in a file begin. */
const BEGINNINGS = /(?=-----BEGIN [A-Z0-9 ]*CERTIFICATE-----)/;

/** Reads the files. Throws Node's error for one that cannot be read, and an `OptionError` for one that cannot be used. */
export function readCredentials({ tlsCert, tlsKey, tlsCa }: CredentialFiles): Credentials {
  const cert = tlsCert === undefined ? undefined : readCertificates(tlsCert);
  const ca = tlsCa === undefined ? undefined : readCertificates(tlsCa);
  const key = tlsKey === undefined ? undefined : readFileSync(tlsKey);
  // A peer of TLS 1.2 that asked for one new handshake after the other would cost much more than it pays. Node's own
  // switch for that, `disableRenegotiation`, tells of it and lets it happen.
  const secureOptions = constants.SSL_OP_NO_RENEGOTIATION;
  const credentials: Credentials = { minVersion: 'TLSv1.2', secureOptions, cert, key, ca };
  // The certificates stand for themselves by now: what is wrong is the key, or that it is another one's.
  check(`${tlsKey ?? ''}: no key for that certificate`, () => createSecureContext(credentials));
  return credentials;
}

/** Each of them is looked at: OpenSSL would take a file for a shorter one that ends where it does not understand it. */
function readCertificates(path: string): Buffer {
  const bytes = readFileSync(path);
  const [head = '', ...others] = bytes.toString('latin1').split(BEGINNINGS);
  for (const pem of others.length > 0 ? others : [head]) {
    check(`${path}: no certificate`, () => new X509Certificate(pem));
  }
  return bytes;
}

function check(complaint: string, parse: () => unknown): void {
  try {
    parse();
  } catch (failure) {
    const reason =
      failure instanceof Error ? ((failure as { reason?: string }).reason ?? failure.message) : '';
    throw new OptionError(`${complaint}: ${reason}`);
  }
}
