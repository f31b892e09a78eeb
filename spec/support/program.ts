import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { until } from './until.ts';

export const MAIN = join(process.cwd(), 'lib/main.js');

/** One JSON line of the program's log. */
export type LogLine = Readonly<Record<string, unknown>>;

/** The program as an operator runs it: a process of its own. */
export class Program {
  static readonly #started: Program[] = [];

  readonly child: ChildProcess;
  stdout = '';
  stderr = '';
  /** Exit code, or the name of the signal that killed it; `undefined` while it runs. */
  result: number | NodeJS.Signals | undefined;
  readonly #log: LogLine[] = [];
  /** Of `stdout`, what is in the log. */
  #logged = 0;

  /** @param launcher a command that runs the one that follows it, if given */
  constructor(
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
    launcher: readonly string[] = [],
  ) {
    const [file = process.execPath, ...rest] = [...launcher, process.execPath, MAIN, ...args];
    this.child = spawn(file, rest, { env: { ...process.env, ...env } });
    this.child.stdout?.on('data', (chunk: Buffer) => (this.stdout += chunk.toString()));
    this.child.stderr?.on('data', (chunk: Buffer) => (this.stderr += chunk.toString()));
    this.child.on('close', (code, signal) => (this.result = code ?? signal ?? undefined));
    // Input that comes too late for the program is not what a test is about.
    this.child.stdin?.on('error', () => {});
    Program.#started.push(this);
  }

  /** A server on a free port, unless told where; resolves when it listens. */
  static async serve(...args: string[]): Promise<Program & { port: number }> {
    const program = new Program([...(args.includes('--listen') ? [] : ['--port', '0']), ...args]);
    const { port } = await program.logged('listening');
    return Object.assign(program, { port: Number(port) });
  }

  /** For `afterEach`: stops every program the test started, also one that was still starting. */
  static async stopAll(): Promise<void> {
    await Promise.all(Program.#started.splice(0).map((program) => program.stop()));
  }

  get log(): LogLine[] {
    const end = this.stdout.lastIndexOf('\n') + 1;
    const lines = this.stdout.slice(this.#logged, end).split('\n').slice(0, -1);
    this.#log.push(...lines.map((line) => JSON.parse(line) as LogLine));
    this.#logged = end;
    return this.#log.slice();
  }

  /** The first log line of `event` for which `fits` holds, waited for. */
  async logged(event: string, fits: (line: LogLine) => boolean = () => true): Promise<LogLine> {
    const find = () => this.log.find((line) => line.event === event && fits(line));
    await until(
      () => find() !== undefined || this.result !== undefined,
      () => `log event ${event}`,
    );
    const line = find();
    if (line === undefined) throw new Error(`ended without ${event}: ${this.stdout}${this.stderr}`);
    return line;
  }

  /** Types into the program. */
  send(text: string): void {
    this.child.stdin?.write(text);
  }

  /** Ends what is typed into the program. */
  end(): void {
    this.child.stdin?.end();
  }

  signal(name: NodeJS.Signals): void {
    this.child.kill(name);
  }

  /** Resolves when the process has ended and all it wrote was read. */
  async exit(limit?: number): Promise<number | NodeJS.Signals | undefined> {
    await until(() => this.result !== undefined, 'the process to end', limit);
    return this.result;
  }

  /** For `afterEach`: leaves nothing behind, whatever the test did. */
  async stop(): Promise<void> {
    if (this.result === undefined) this.child.kill('SIGKILL');
    await this.exit();
  }
}
