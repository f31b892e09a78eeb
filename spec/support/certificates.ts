import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
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

  /**
   * A certificate for `subject`, such as `/CN=alice`, and for 127.0.0.1; in the files `name.cert.pem` and
   * `name.key.pem`.
   */
  issue(name: string, subject = `/CN=${name}`): { readonly cert: string; readonly key: string } {
    const [cert, key, request] = [
      this.#path(name, 'cert'),
      this.#path(name, 'key'),
      this.#path(name, 'request'),
    ];
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', key];
    const about = ['-utf8', '-subj', subject, '-addext', 'subjectAltName=IP:127.0.0.1', '-out', request];
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

  /** The same as it is at another time, such as `-1 days`: valid for half a day before and after. */
  issueAt(name: string, time: string): { readonly cert: string; readonly key: string } {
    const files = this.issue(name);
    const at = (offset: string) =>
      execFileSync('date', ['-u', '-d', `${time} ${offset} hours`, '+%Y%m%d%H%M%SZ'])
        .toString()
        .trim();
    const database = this.#path(name, 'database');
    writeFileSync(database, '');
    writeFileSync(`${database}.attr`, '');
    writeFileSync(
      this.#path(name, 'settings'),
      `[ca]\ndefault_ca=own\n[own]\ndatabase=${database}\nnew_certs_dir=${this.#folder}\nrand_serial=yes\n` +
        'default_md=sha256\npolicy=any\n[any]\ncommonName=supplied\n',
    );
    const signer = ['-cert', this.cert, '-keyfile', this.#path(this.name, 'key')];
    const dates = ['-startdate', at('-12'), '-enddate', at('+12')];
    const about = ['-in', this.#path(name, 'request'), '-out', files.cert, '-batch', '-notext'];
    const settings = ['-config', this.#path(name, 'settings')];
    execFileSync('openssl', ['ca', ...settings, ...signer, ...dates, ...about], { stdio: 'ignore' });
    return files;
  }

  /** The certificate that vouches for those that were issued. */
  get ca(): Buffer {
    return readFileSync(this.cert);
  }

  #path(name: string, what: string): string {
    return join(this.#folder, `${name}.${what}.pem`);
  }
}
