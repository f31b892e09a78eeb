import type { Interface } from 'node:readline';
import { type Readable, Writable } from 'node:stream';

/** A terminal, or a pipe or file in its place. */
export type Input = Readable & { readonly isTTY?: boolean };

/**
 * Asks for a secret. At a terminal there is an answer to each question, and nothing that is typed is shown.
 * Otherwise the one answer is the first line of `input`, and later lines stay there. An answer that does not
 * come is empty.
 *
 * @param say prints the questions
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

/** A terminal that hides what is typed, until it is closed. */
export class Hidden {
  readonly #input: Readable;
  readonly #say: (text: string) => void;
  readonly #terminal: Interface;
  /** Lines that were typed ahead. */
  #lines: string[] = [];
  #asked: ((line: string | undefined) => void) | undefined;
  #isClosed = false;

  /** @param say prints the questions */
  static async open(input: Readable, say: (text: string) => void): Promise<Hidden> {
    // The module is loaded here: a server starts faster without it.
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
        // The terminal is in its first state again when 'close' comes.
        terminal.once('close', () => process.kill(process.pid, 'SIGINT')).close();
      })
      .once('close', () => {
        this.#isClosed = true;
        this.#answer(undefined);
      });
  }

  /** Asks a question. Resolves with the next line, or `undefined` where none comes. */
  async ask(question: string): Promise<string | undefined> {
    this.#say(question);
    const line = await this.#next();
    this.#say('\n');
    return line;
  }

  /** Forgets lines that were typed ahead. */
  forget(): void {
    this.#lines = [];
  }

  /** Closes the terminal. Lines that were typed ahead go back into the input. */
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

/** The first line of `input`, empty where none comes. Later lines stay in `input`. */
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
