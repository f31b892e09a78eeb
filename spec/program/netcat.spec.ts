import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, openSync, closeSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Program } from '../support/program.ts';
import { until } from '../support/until.ts';

/** How each tool is told where to connect; nc is that of OpenBSD. */
const TOOLS = {
  nc: (port: number) => ['127.0.0.1', String(port)],
  ncat: (port: number) => ['127.0.0.1', String(port)],
  socat: (port: number) => ['-', `TCP:127.0.0.1:${port}`],
};
type Tool = keyof typeof TOOLS;
const ALL = Object.keys(TOOLS) as Tool[];

/** What makes a tool wait for the server's last line when its own input has ended. */
const PATIENT: Record<Tool, readonly string[]> = { nc: ['-N'], ncat: [], socat: ['-t', '10'] };

/** A tool as a process, its input held open as a terminal's is. */
class Terminal {
  static readonly #open: Terminal[] = [];
  readonly #child: ChildProcess;
  readonly #tool: Tool;
  stdout = '';
  stderr = '';
  result: number | NodeJS.Signals | undefined;
  #missing: Error | undefined;

  constructor(tool: Tool, port: number, args: readonly string[] = [], input: 'pipe' | number = 'pipe') {
    this.#tool = tool;
    this.#child = spawn(tool, [...args, ...TOOLS[tool](port)], { stdio: [input, 'pipe', 'pipe'] });
    this.#child.on('error', (failure) => {
      this.#missing = failure;
      this.result ??= 127;
    });
    this.#child.on('close', (code, signal) => (this.result ??= code ?? signal ?? undefined));
    this.#child.stdin?.on('error', () => {});
    this.#child.stdout?.on('data', (chunk: Buffer) => (this.stdout += chunk.toString()));
    this.#child.stderr?.on('data', (chunk: Buffer) => (this.stderr += chunk.toString()));
    Terminal.#open.push(this);
  }

  static async login(tool: Tool, port: number, name: string): Promise<Terminal> {
    const terminal = new Terminal(tool, port);
    terminal.type(`${name}\n`);
    await terminal.shows(`* welcome ${name}\n`);
    return terminal;
  }

  static async closeAll(): Promise<void> {
    for (const terminal of Terminal.#open.splice(0)) {
      if (terminal.result === undefined) terminal.#child.kill('SIGKILL');
      await until(() => terminal.result !== undefined, 'the tool to end');
    }
  }

  type(text: string): void {
    this.#child.stdin?.write(text);
  }

  /** Types Ctrl-D. */
  end(): void {
    this.#child.stdin?.end();
  }

  async shows(text: string): Promise<void> {
    await until(
      () => this.stdout.includes(text) || this.#missing !== undefined,
      () => `${JSON.stringify(text)}; ${this.#tool} shows ${JSON.stringify(this.stdout + this.stderr)}`,
    );
    this.#mustExist();
  }

  async exit(): Promise<number | NodeJS.Signals | undefined> {
    await until(() => this.result !== undefined, `${this.#tool} to end`);
    this.#mustExist();
    return this.result;
  }

  #mustExist(): void {
    if (this.#missing === undefined) return;
    throw new Error(
      `${this.#tool} is needed for this test (Debian: netcat-openbsd, ncat, socat): ${this.#missing.message}`,
    );
  }
}

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'a-chat-'));
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

afterEach(async () => {
  await Terminal.closeAll();
  await Program.stopAll();
});

async function serve(...args: string[]) {
  return Program.serve('--linger-timeout', '0.3', ...args);
}

function sequence(count: number, line: (number: number) => string): string {
  return Array.from({ length: count }, (_, index) => `${line(index + 1)}\n`).join('');
}

/** The exchange that the documentation shows, up to the Ctrl-C. */
async function exchange(alice: Terminal, bob: Terminal): Promise<void> {
  alice.type('bob: hello\n');
  await bob.shows('from alice: hello\n');
  bob.type('alice, bob: hi!\n');
  await bob.shows('from bob: hi!\n');
  await alice.shows('from bob: hi!\n');
  alice.type('carol: there?\n');
  await alice.shows('! not-connected carol: ');
}

test.each([
  ['nc', 'ncat'],
  ['ncat', 'socat'],
  ['socat', 'nc'],
] as const)('the documented exchange between %s and %s goes as documented', async (aliceTool, bobTool) => {
  const server = await serve();
  const alice = await Terminal.login(aliceTool, server.port, 'alice');
  const bob = await Terminal.login(bobTool, server.port, 'bob');
  await exchange(alice, bob);

  server.signal('SIGINT');
  await alice.shows('* closing shutdown: accepted 2, delivered 1\n');
  await bob.shows('* closing shutdown: accepted 1, delivered 2\n');
  expect(await server.exit()).toBe(0);

  expect(alice.stdout).toBe(
    [
      '* welcome alice',
      'from bob: hi!',
      '! not-connected carol: nobody of that name is here',
      '* closing shutdown: accepted 2, delivered 1\n',
    ].join('\n'),
  );
  expect(bob.stdout).toBe(
    [
      '* welcome bob',
      'from alice: hello',
      'from bob: hi!',
      '* closing shutdown: accepted 1, delivered 2\n',
    ].join('\n'),
  );
});

test('a shutdown reaches all three tools at once, with all that they were sent', async () => {
  const server = await serve();
  const terminals = await Promise.all(ALL.map((tool) => Terminal.login(tool, server.port, tool)));
  const count = 500;
  for (const [index, terminal] of terminals.entries()) {
    terminal.type(sequence(count, (number) => `${ALL.join(', ')}: ${index} ${number}`));
  }
  for (const terminal of terminals) {
    for (const index of ALL.keys()) await terminal.shows(`: ${index} ${count}\n`);
  }

  server.signal('SIGTERM');
  expect(await server.exit()).toBe(0);

  for (const [reader, terminal] of terminals.entries()) {
    await terminal.shows(`* closing shutdown: accepted ${count}, delivered ${3 * count}\n`);
    const lines = terminal.stdout.split('\n');
    expect(lines.at(0)).toBe(`* welcome ${ALL[reader]}`);
    expect(lines.slice(-2)).toEqual([`* closing shutdown: accepted ${count}, delivered ${3 * count}`, '']);
    for (const [writer, tool] of ALL.entries()) {
      expect(sequence(count, (number) => `from ${tool}: ${writer} ${number}`)).toBe(
        lines.filter((line) => line.startsWith(`from ${tool}: `)).join('\n') + '\n',
      );
    }
  }
});

test('socat ends by itself when the server has', async () => {
  const server = await serve('--linger-timeout', '60', '--drain-timeout', '60');
  const terminal = await Terminal.login('socat', server.port, 'alice');
  server.signal('SIGINT');
  expect(await terminal.exit()).toBe(0);
  expect(terminal.stdout).toBe('* welcome alice\n* closing shutdown: accepted 0, delivered 0\n');
  expect(await server.exit()).toBe(0);
});

test.each(['nc', 'ncat'] as const)(
  '%s, which holds its side open, does not keep the server',
  async (tool) => {
    const server = await serve();
    const terminal = await Terminal.login(tool, server.port, 'alice');
    server.signal('SIGINT');
    expect(await server.exit()).toBe(0);
    await terminal.shows('* welcome alice\n* closing shutdown: accepted 0, delivered 0\n');
  },
);

test.each(ALL)('a file that is piped through nc -N reaches a reader at %s whole', async (tool) => {
  const server = await serve();
  const count = 50_000;
  const reader = await Terminal.login(tool, server.port, 'bob');
  const path = join(folder, `for-${tool}`);
  writeFileSync(path, `alice\n${sequence(count, (number) => `bob: line ${number}`)}`);
  const file = openSync(path, 'r');
  const sender = new Terminal('nc', server.port, PATIENT.nc, file);
  closeSync(file);

  expect(await sender.exit()).toBe(0);
  expect(sender.stdout).toBe(`* welcome alice\n* closing eof: accepted ${count}, delivered 0\n`);
  await reader.shows(`from alice: line ${count}\n`);
  expect(reader.stdout).toBe(`* welcome bob\n${sequence(count, (number) => `from alice: line ${number}`)}`);
});

test.each(ALL)('a text piped into %s is sent, and answered, to the end', async (tool) => {
  const server = await serve();
  const count = 2000;
  const terminal = new Terminal(tool, server.port, PATIENT[tool]);
  // Its last line lacks the newline: the end of the input ends it.
  terminal.type(`alice\r\n/ping\r\n${sequence(count, (number) => `alice: ${number}`)}alice: and no newline`);
  terminal.end();
  expect(await terminal.exit()).toBe(0);
  expect(terminal.stdout).toBe(
    [
      '* welcome alice',
      '* pong',
      `${sequence(count, (number) => `from alice: ${number}`)}from alice: and no newline`,
      `* closing eof: accepted ${count + 1}, delivered ${count + 1}\n`,
    ].join('\n'),
  );
});

test('a second netcat with a taken name is told and may try again', async () => {
  const server = await serve();
  const alice = await Terminal.login('nc', server.port, 'alice');
  const second = new Terminal('nc', server.port);
  second.type('alice\n');
  await second.shows('! name-taken alice: ');
  second.type('alice2\nalice: it is me\n');
  await alice.shows('from alice2: it is me\n');
});
