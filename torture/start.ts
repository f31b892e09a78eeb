import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Program } from '../spec/support/program.ts';
import { until } from '../spec/support/until.ts';

/**
 * What is wrong with where the log goes: a full disk, or a pipe that is full and is read never, late, or no
 * more.
 */
export type Trouble = 'full' | 'unread' | 'late' | 'closed';

/** ms between two looks into a pipe. */
const LOOK = 10;

/** Fills a pipe, and is in no log. */
const FILLING = '\0';

export interface Started {
  readonly program: Program;
  readonly port: number;
  /** Where the program's log goes, if it is a pipe that is in trouble. */
  readonly log: LogPipe | undefined;
}

/** Starts the program at an endpoint of its own. */
export async function start(
  scheme: 'tcp' | 'tls',
  options: readonly string[],
  trouble: Trouble | undefined,
): Promise<Started> {
  const anyPort = ['--listen', `${scheme}://127.0.0.1:0`, ...options];
  if (trouble === undefined) {
    const program = await Program.serve(...anyPort);
    return { program, port: program.port, log: undefined };
  }
  if (trouble === 'full') {
    // Nobody can read there which port it is.
    const port = await freePort();
    const args = ['--listen', `${scheme}://127.0.0.1:${port}`, ...options];
    const program = new Program(args, {}, into('/dev/full'));
    await until(() => program.result !== undefined || isOpen(port), 'the server to listen');
    return { program, port, log: undefined };
  }
  const log = new LogPipe(trouble);
  try {
    const program = new Program(anyPort, {}, into(log.path));
    log.readInto(program);
    const { port } = await program.logged('listening');
    if (trouble !== 'closed') log.jam();
    return { program, port: Number(port), log };
  } catch (failure) {
    log.destroy();
    throw failure;
  }
}

/** A launcher of a program whose stdout is `path`. */
function into(path: string): string[] {
  return ['sh', '-c', 'exec "$@" >"$0"', path];
}

/** A pipe that the log goes to, and that is read when its reader likes. */
export class LogPipe {
  readonly trouble: Trouble;
  readonly path: string;
  readonly #folder = mkdtempSync(join(tmpdir(), 'torture-log-'));
  readonly #buffer = Buffer.alloc(65_536);
  #end: number | undefined;
  #reading: NodeJS.Timeout | undefined;
  #program: Program | undefined;

  constructor(trouble: Trouble) {
    this.trouble = trouble;
    this.path = join(this.#folder, 'log');
    execFileSync('mkfifo', [this.path]);
    this.#end = openSync(this.path, constants.O_RDONLY | constants.O_NONBLOCK);
  }

  /** Reads, from now on, what `program` writes. */
  readInto(program: Program): void {
    this.#program = program;
    this.readOn();
  }

  readOn(): void {
    this.#reading = setInterval(() => {
      this.#read();
    }, LOOK);
  }

  /** Reads no more, and leaves no room. */
  jam(): void {
    clearInterval(this.#reading);
    const end = openSync(this.path, constants.O_WRONLY | constants.O_NONBLOCK);
    const filling = Buffer.alloc(this.#buffer.length, FILLING);
    for (let size = filling.length; size > 0;) {
      if (transferred(() => writeSync(end, filling, 0, size)) === 0) size = Math.floor(size / 2);
    }
    closeSync(end);
  }

  /** Is read no more, by anybody. */
  close(): void {
    clearInterval(this.#reading);
    if (this.#end !== undefined) closeSync(this.#end);
    this.#end = undefined;
  }

  /** Closes it, with what it holds read if it still was. */
  destroy(): void {
    this.#read();
    this.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #read(): void {
    const end = this.#end;
    if (end === undefined) return;
    for (;;) {
      const size = transferred(() => readSync(end, this.#buffer));
      if (size === 0) return;
      const text = this.#buffer.toString('latin1', 0, size).replaceAll(FILLING, '');
      if (this.#program !== undefined) this.#program.stdout += text;
    }
  }
}

/** What `transfer` returns; 0 where it would have to wait. */
function transferred(transfer: () => number): number {
  try {
    return transfer();
  } catch (failure) {
    if ((failure as NodeJS.ErrnoException).code === 'EAGAIN') return 0;
    throw failure;
  }
}

/** A port that was free just now. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
      .on('connect', () => {
        socket.destroy();
        resolve(true);
      })
      .on('error', () => {
        resolve(false);
      });
  });
}
