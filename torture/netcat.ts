import { type ChildProcess, spawn } from 'node:child_process';
import { until } from '../spec/support/until.ts';
import { Transcript } from './transcript.ts';

const COMMANDS = {
  nc: (port: string) => ['127.0.0.1', port],
  ncat: (port: string) => ['127.0.0.1', port],
  socat: (port: string) => ['-', `TCP:127.0.0.1:${port}`],
};

/** A real netcat whose input stays open: it does not hang up when the server does. */
export class Netcat {
  readonly name: string;
  readonly transcript = new Transcript();
  readonly #child: ChildProcess;
  #failure: string | undefined;

  constructor(tool: keyof typeof COMMANDS, port: number) {
    this.name = tool;
    this.#child = spawn(tool, COMMANDS[tool](String(port)), { stdio: ['pipe', 'pipe', 'ignore'] });
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
