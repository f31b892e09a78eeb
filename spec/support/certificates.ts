import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Makes certificates in a folder with OpenSSL. */
export class Authority {
  /** Of the files and of the signer. */
  readonly name: string;
  readonly #folder: string;

  constructor(folder: string, name = 'ca') {
    this.#folder = folder;
    this.name = name;
    const key = [
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-keyout',
      this.#path(name, 'key'),
    ];
    const about = ['-subj', `/CN=${name}`, '-days', '2', '-out', this.cert];
    execFileSync('openssl', ['req', '-x509', ...key, ...about], { stdio: 'ignore' });
  }

  get cert(): string {
    return this.#path(this.name, 'cert');
  }

  /** A certificate for `subject`, such as `/CN=alice`, and for 127.0.0.1; in the files `name.cert.pem` and `name.key.pem`. */
  issue(name: string, subject = `/CN=${name}`): { readonly cert: string; readonly key: string } {
    const [cert, key, request] = [
      this.#path(name, 'cert'),
      this.#path(name, 'key'),
      this.#path(name, 'request'),
    ];
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', key];
    const about = ['-subj', subject, '-addext', 'subjectAltName=IP:127.0.0.1', '-out', request];
    execFileSync('openssl', ['req', ...curve, ...about], { stdio: 'ignore' });
    const signer = ['-CA', this.cert, '-CAkey', this.#path(this.name, 'key'), '-CAcreateserial'];
    const sign = [
      'x509',
      '-req',
      '-in',
      request,
      ...signer,
      '-days',
      '2',
      '-copy_extensions',
      'copy',
      '-out',
      cert,
    ];
    execFileSync('openssl', sign, { stdio: 'ignore' });
    return { cert, key };
  }

  /** The certificate that vouches for those that were issued. */
  get ca(): Buffer {
    return readFileSync(this.cert);
  }

  #path(name: string, what: string): string {
    return join(this.#folder, `${name}.${what}.pem`);
  }
}
