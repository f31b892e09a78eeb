import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Spool } from '../../lib/operate/log-spool.ts';
import { until } from '../support/until.ts';

const { O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;

/** More than the spool and a pipe hold together. */
const MANY = 20_000;

/** A named pipe, from both its sides. */
class Pipe {
  readonly #folder = mkdtempSync(join(tmpdir(), 'a-chat-'));
  readonly #path = join(this.#folder, 'pipe');
  #reader: number | undefined;
  readonly writer: number;
  text = '';

  constructor() {
    execFileSync('mkfifo', [this.#path]);
    this.open();
    this.writer = openSync(this.#path, O_WRONLY | O_NONBLOCK);
  }

  open(): void {
    this.#reader = openSync(this.#path, O_RDONLY | O_NONBLOCK);
  }

  close(): void {
    if (this.#reader !== undefined) closeSync(this.#reader);
    this.#reader = undefined;
  }

  /** Reads what is there now. */
  read(): string {
    const chunk = Buffer.alloc(2 ** 16);
    try {
      const length = readSync(this.#reader ?? -1, chunk);
      this.text += chunk.toString('utf8', 0, length);
    } catch (failure) {
      if ((failure as NodeJS.ErrnoException).code !== 'EAGAIN') throw failure;
    }
    return this.text;
  }

  destroy(): void {
    this.close();
    closeSync(this.writer);
    rmSync(this.#folder, { recursive: true });
  }
}

/** A spool over a descriptor, with all that it said. */
function spoolOver(fd: number) {
  const counts = { dropped: 0, failures: 0 };
  const stuck: string[] = [];
  const spool = new Spool(fd, counts, {
    stuck: (why) => stuck.push(why),
    missing: (count) => {
      spool.write(`missing ${count}\n`);
    },
  });
  const write = (first: number, last: number) => {
    for (let n = first; n <= last; n += 1) spool.write(`${n} ${'x'.repeat(100)}\n`);
  };
  return { spool, counts, stuck, write };
}

/** The first word of each line, with the number behind `missing`. */
function words(text: string): string[] {
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => line.replace(/ x+$/, ''));
}

/** Fails unless the numbers go up one by one, but for gaps, each of which is told with its size. */
function complete(lines: readonly string[], last: number): void {
  let expected = 1;
  for (const line of lines) {
    const gap = /^missing (\d+)$/.exec(line)?.[1];
    if (gap === undefined) expect(Number(line)).toBe(expected);
    expected += gap === undefined ? 1 : Number(gap);
  }
  expect(expected).toBe(last + 1);
}

describe('a spool', () => {
  let pipe: Pipe;

  beforeEach(() => {
    pipe = new Pipe();
  });

  afterEach(() => {
    pipe.destroy();
  });

  test('writes all in order to a reader that is slow', async () => {
    const { spool, counts, stuck, write } = spoolOver(pipe.writer);
    write(1, 5000);
    await until(() => words(pipe.read()).length === 5000, 'all lines');
    complete(words(pipe.text), 5000);
    expect(counts).toEqual({ dropped: 0, failures: 0 });
    expect(stuck).toEqual([]);
    expect(await spool.close(1000)).toBe(0);
  });

  test('drops and counts what nobody reads, and says in its place how much is missing', async () => {
    const { counts, stuck, write } = spoolOver(pipe.writer);
    write(1, MANY);
    expect(counts.dropped).toBeGreaterThan(MANY / 2);
    expect(stuck).toHaveLength(1);
    await until(() => pipe.read().includes('missing'), 'the gap to be told');
    write(MANY + 1, MANY + 10);
    await until(() => pipe.read().includes(`\n${MANY + 10} `), 'the last line');
    const lines = words(pipe.text);
    expect(lines.filter((line) => line.startsWith('missing'))).toEqual([`missing ${counts.dropped}`]);
    complete(lines, MANY + 10);
  });

  test('is given up at the end where nobody reads, in bounded time, and says what is missing', async () => {
    const { spool, counts, write } = spoolOver(pipe.writer);
    write(1, MANY);
    const began = performance.now();
    const missing = await spool.close(200);
    expect(performance.now() - began).toBeGreaterThan(190);
    expect(performance.now() - began).toBeLessThan(2000);
    expect(missing).toBeGreaterThan(counts.dropped);
    expect(missing).toBeLessThan(MANY);
  });

  test('has its last words read by who reads again in time', async () => {
    const { spool, counts, write } = spoolOver(pipe.writer);
    write(1, MANY);
    spool.makeRoom();
    write(MANY + 1, 2 * MANY);
    const end = spool.close(10_000);
    await until(() => pipe.read().includes(`\n${2 * MANY} `), 'the last line');
    expect(await end).toBe(counts.dropped);
    complete(words(pipe.text), 2 * MANY);
  });

  test('outlives its reader, who is no loss, and goes on for the next one', async () => {
    const { spool, counts, stuck, write } = spoolOver(pipe.writer);
    pipe.close();
    write(1, 10);
    await until(() => counts.failures >= 3, 'some tries');
    expect(stuck).toEqual([expect.stringContaining('EPIPE')]);
    pipe.open();
    await until(() => words(pipe.read()).length === 10, 'all lines');
    complete(words(pipe.text), 10);

    // What one can read has been written before the spool hears so.
    await until(() => spool.bytes === 0, 'the spool to know');
    pipe.close();
    write(11, 20);
    await until(() => stuck.length === 2, 'the next failure');
    expect(await spool.close(10_000)).toBe(0);
  });

  test('outlives a full disk, which is a loss, and a descriptor that is none', async () => {
    for (const [path, flags, code] of [
      ['/dev/full', O_WRONLY, 'ENOSPC'],
      ['/dev/null', O_RDONLY, 'EBADF'],
    ] as const) {
      const fd = openSync(path, flags);
      const { spool, counts, stuck, write } = spoolOver(fd);
      write(1, 10);
      await until(() => counts.failures >= 3, 'some tries');
      expect(stuck).toEqual([expect.stringContaining(code)]);
      const began = performance.now();
      expect(await spool.close(10_000)).toBe(10);
      expect(performance.now() - began).toBeLessThan(5000);
      closeSync(fd);
    }
  });
});
