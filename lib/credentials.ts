import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type SecureContextOptions, createSecureContext } from 'node:tls';
import { OptionError } from './options.ts';

/** The files of PEM that make a TLS server; those of `tlsCa` sign the certificates of its clients. */
export interface CredentialFiles {
  readonly tlsCert: string;
  readonly tlsKey: string;
  readonly tlsCa: string | undefined;
}

/** What a TLS server shows of itself, and what it holds its clients to. */
export type Credentials = SecureContextOptions;

/** Reads the files. Throws Node's error for one that cannot be read, and an `OptionError` for one that cannot be used. */
export function readCredentials({ tlsCert, tlsKey, tlsCa }: CredentialFiles): Credentials {
  const cert = readFileSync(tlsCert);
  const key = readFileSync(tlsKey);
  const ca = tlsCa === undefined ? undefined : readFileSync(tlsCa);
  const credentials: Credentials = { cert, key, minVersion: 'TLSv1.2', ...(ca && { ca }) };
  check(tlsCert, () => new X509Certificate(cert));
  // OpenSSL would take a file without a certificate for one that trusts nobody.
  if (ca !== undefined) check(String(tlsCa), () => new X509Certificate(ca));
  // The certificate stands for itself by now: what is wrong is the key, or that it is another one's.
  check(tlsKey, () => createSecureContext(credentials));
  return credentials;
}

function check(path: string, parse: () => unknown): void {
  try {
    parse();
  } catch (failure) {
    const reason =
      failure instanceof Error ? ((failure as { reason?: string }).reason ?? failure.message) : '';
    throw new OptionError(`${path}: ${reason}`);
  }
}
