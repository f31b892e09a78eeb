import { type Readable, Writable } from 'node:stream';

/** What one types at, or what is piped in its place. */
export type Input = Readable & { readonly isTTY?: boolean };

/**
 * Asks for something secret: at a terminal once with each question, and shows nothing of what is typed; otherwise it is
 * the first line, once. What comes behind it stays in `input`. An answer is empty where none comes.
 *
 * @param say shows the questions
 */
export async function askSecret(
  questions: readonly string[],
  input: Input,
  say: (text: string) => void,
): Promise<readonly string[]> {
  return input.isTTY === true ? askAtTerminal(questions, input, say) : [await firstLine(input)];
}

async function askAtTerminal(
  questions: readonly string[],
  input: Readable,
  say: (text: string) => void,
): Promise<readonly string[]> {
  const nowhere = new Writable({
    write: (_chunk, _encoding, done) => {
      done();
    },
  });
  // Loaded here alone: the start of a server is quicker without.
  const { createInterface } = await import('node:readline');
  // The terminal stops showing what is typed here, before the first question.
  const terminal = createInterface({ input, output: nowhere, terminal: true, historySize: 0 });
  terminal.once('SIGINT', () => {
    // The terminal is as it was by the time of 'close'.
    terminal.once('close', () => process.kill(process.pid, 'SIGINT')).close();
  });
  const lines = terminal[Symbol.asyncIterator]();
  const next = async () => ((await lines.next()) as IteratorResult<string, undefined>).value;
  const answers: string[] = [];
  for (const question of questions) {
    say(question);
    answers.push((await next()) ?? '');
    say('\n');
  }
  terminal.close();
  // Typed ahead.
  let rest = '';
  for (let line = await next(); line !== undefined; line = await next()) rest += `${line}\n`;
  giveBack(input, rest + terminal.line);
  return answers;
}

async function firstLine(input: Readable): Promise<string> {
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
  if (rest.length > 0) input.unshift(rest);
}
