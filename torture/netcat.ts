import { type ChildProcess, spawn } from 'node:child_process';
import { until } from '../spec/support/until.ts';
import type { Place } from './peer.ts';
import { Transcript } from './transcript.ts';

const PLAIN = {
  nc: (port: string) => ['nc', '127.0.0.1', port],
  ncat: (port: string) => ['ncat', '127.0.0.1', port],
  socat: (port: string) => ['socat', '-', `TCP:127.0.0.1:${port}`],
};

/** nc has no TLS: openssl speaks in its place. */
const SECURE: typeof PLAIN = {
  nc: (port) => ['openssl', 's_client', '-quiet', '-connect', `127.0.0.1:${port}`],
  ncat: (port) => ['ncat', '--ssl', '127.0.0.1', port],
  socat: (port) => ['socat', '-', `OPENSSL:127.0.0.1:${port},verify=0`],
};

/** A real netcat whose input stays open: it does not hang up when the server does. */
export class Netcat {
  readonly name: string;
  readonly transcript = new Transcript();
  readonly #child: ChildProcess;
  #failure: string | undefined;

  constructor(tool: keyof typeof PLAIN, { port, ca }: Place) {
    this.name = tool;
    const [command = '', ...args] = (ca === undefined ? PLAIN : SECURE)[tool](String(port));
    this.#child = spawn(command, args, { stdio: ['pipe', 'pipe', 'ignore'] });
    this.#child.on('error', (error) => (this.#failure = error.message));
    this.#child.stdin?.on('error', () => {});
    this.#child.stdout?.on('data', (chunk: Buffer) => {
      this.transcript.add(chunk.toString('latin1'));
    });
  }

  async login(): Promise<void> {
    this.#child.stdin?.write(`${this.name}\n`);
    await until(() => this.transcript.welcome || this.#failure !== undefined, `the login of ${this.name}`);
    if (this.#failure !== undefined) throw new Error(this.#failure);
  }

  destroy(): void {
    this.#child.kill('SIGKILL');
  }
}
