import type { Interface } from 'node:readline';
import { type Readable, Writable } from 'node:stream';

/** What one types at, or what is piped in its place. */
export type Input = Readable & { readonly isTTY?: boolean };

/**
 * Asks for something secret: at a terminal once with each question, and shows nothing of what is typed;
 * otherwise it is the first line, once. What comes behind it stays in `input`. An answer is empty where none
 * comes.
 *
 * @param say shows the questions
 */
export async function askSecret(
  questions: readonly string[],
  input: Input,
  say: (text: string) => void,
): Promise<readonly string[]> {
  if (input.isTTY !== true) return [await firstLine(input)];
  const terminal = await Hidden.open(input, say);
  const answers: string[] = [];
  for (const question of questions) answers.push((await terminal.ask(question)) ?? '');
  terminal.close();
  return answers;
}

/** A terminal that shows nothing of what is typed, until it is closed. */
export class Hidden {
  readonly #input: Readable;
  readonly #say: (text: string) => void;
  readonly #terminal: Interface;
  /** Typed ahead. */
  #lines: string[] = [];
  #asked: ((line: string | undefined) => void) | undefined;
  #isClosed = false;

  /** @param say shows the questions */
  static async open(input: Readable, say: (text: string) => void): Promise<Hidden> {
    // Loaded here alone: the start of a server is quicker without.
    const { createInterface } = await import('node:readline');
    const nowhere = new Writable({
      write: (_chunk, _encoding, done) => {
        done();
      },
    });
    return new Hidden(
      input,
      say,
      createInterface({ input, output: nowhere, terminal: true, historySize: 0 }),
    );
  }

  private constructor(input: Readable, say: (text: string) => void, terminal: Interface) {
    this.#input = input;
    this.#say = say;
    this.#terminal = terminal;
    terminal
      .on('line', (line) => {
        if (this.#asked === undefined) this.#lines.push(line);
        else this.#answer(line);
      })
      .once('SIGINT', () => {
        // The terminal is as it was by the time of 'close'.
        terminal.once('close', () => process.kill(process.pid, 'SIGINT')).close();
      })
      .once('close', () => {
        this.#isClosed = true;
        this.#answer(undefined);
      });
  }

  /** The next line; `undefined` where none comes. */
  async ask(question: string): Promise<string | undefined> {
    this.#say(question);
    const line = await this.#next();
    this.#say('\n');
    return line;
  }

  /** Forgets what was typed ahead. */
  forget(): void {
    this.#lines = [];
  }

  /** Leaves what was typed ahead in the input. */
  close(): void {
    this.#terminal.close();
    const rest = this.#lines.map((line) => `${line}\n`).join('') + this.#terminal.line;
    this.#lines = [];
    giveBack(this.#input, rest);
  }

  #next(): Promise<string | undefined> {
    const line = this.#lines.shift();
    if (line !== undefined || this.#isClosed) return Promise.resolve(line);
    return new Promise((resolve) => (this.#asked = resolve));
  }

  #answer(line: string | undefined): void {
    const asked = this.#asked;
    this.#asked = undefined;
    asked?.(line);
  }
}

/** The first line of a pipe; what comes behind it stays in `input`. Empty where none comes. */
export async function firstLine(input: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of input.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    const newline = chunk.indexOf('\n');
    chunks.push(newline < 0 ? chunk : chunk.subarray(0, newline));
    if (newline < 0) continue;
    giveBack(input, chunk.subarray(newline + 1));
    break;
  }
  return Buffer.concat(chunks).toString();
}

function giveBack(input: Readable, rest: string | Buffer): void {
  if (rest.length > 0 && !input.readableEnded) input.unshift(rest);
}
