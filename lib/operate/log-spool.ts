import { write } from 'node:fs';

/** Bytes of lines that may wait. */
const ROOM = 2 ** 20;

/** Bytes of lines that may wait while the program ends: a line for each of its sessions. */
const LAST_ROOM = 2 ** 25;

/** Bytes that are written at a time. */
const CHUNK = 2 ** 16;

/** ms until what could not be written is tried again, at first and at most. */
const [SOON, LATER] = [10, 1000];

/** What a system says where whoever read has gone: a pipe's reader, a terminal. */
const GONE: ReadonlySet<string | undefined> = new Set(['EPIPE', 'EIO', 'ECONNRESET']);

/** What became of lines. Both only grow. */
export interface SpoolCounts {
  /** Lines for which there was no room. */
  dropped: number;
  /** Writes that failed. */
  failures: number;
}

/** Who hears of trouble. */
export interface SpoolListener {
  /** Lines cannot be written for now, and why; once, until all that waits was written. */
  readonly stuck: (why: string) => void;
  /** Lines can be written again, and how many are missing at this place. What it writes is written there. */
  readonly missing: (count: number) => void;
}

/**
 * Lines on their way to a file descriptor, at no risk for whoever writes them: they wait in memory, within
 * bounds, and what fits no more is dropped and counted. An error of the descriptor is told and counted. What
 * waits is tried again, so that lines flow again when there is room again.
 *
 * The descriptor of a pipe, a socket or a terminal must be a non-blocking one.
 */
export class Spool {
  readonly #fd: number;
  readonly #counts: SpoolCounts;
  readonly #listener: SpoolListener;
  #lines: Buffer[] = [];
  /** Of all of them. */
  #bytes = 0;
  #room = ROOM;
  #busy = false;
  #retry: NodeJS.Timeout | undefined;
  #delay = SOON;
  #told = false;
  /** Lines that were dropped since one was taken. */
  #gap = 0;
  /** What the last write failed with. */
  #failure: string | undefined;
  /** Lines dropped that somebody would have read. */
  #missed = 0;
  #closing: (() => void) | undefined;
  #over = false;

  constructor(fd: number, counts: SpoolCounts, listener: SpoolListener) {
    this.#fd = fd;
    this.#counts = counts;
    this.#listener = listener;
  }

  /** Bytes of lines that wait, those that are being written included. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Takes a line with its line end, or drops it. */
  write(line: string): void {
    const bytes = Buffer.from(line);
    // A gap ends where there is room to go on for a while, so that it is one gap and not many.
    if (this.#gap > 0 && this.#bytes <= this.#room / 2) this.#resume();
    if (this.#gap > 0 || (this.#bytes > 0 && this.#bytes + bytes.length > this.#room)) {
      this.#drop();
      return;
    }
    this.#lines.push(bytes);
    this.#bytes += bytes.length;
    this.#flush();
  }

  /** Makes room for the lines that only come when the program ends. */
  makeRoom(): void {
    this.#room = LAST_ROOM;
    if (this.#gap > 0 && this.#bytes <= this.#room / 2) this.#resume();
  }

  /**
   * Writes what waits, and gives up where that fails.
   *
   * @param patience ms after which it gives up where nobody reads
   * @returns how many lines are missing in all, but for those that nobody would have read, as whoever read
   * has gone
   */
  async close(patience: number): Promise<number> {
    this.makeRoom();
    const end = new Promise<void>((resolve) => (this.#closing = resolve));
    const last = setTimeout(() => this.#closing?.(), patience);
    this.#delay = SOON;
    this.#flush();
    this.#settle();
    await end;
    clearTimeout(last);
    clearTimeout(this.#retry);
    // Whoever has the descriptor next is not to read the rest.
    this.#over = true;
    return this.#missed + (GONE.has(this.#failure) ? 0 : this.#lines.length);
  }

  #drop(): void {
    this.#gap += 1;
    this.#counts.dropped += 1;
    if (!GONE.has(this.#failure)) this.#missed += 1;
    this.#tell('nobody takes what it has to say');
  }

  /** Says what is missing, and where. */
  #resume(): void {
    const count = this.#gap;
    this.#gap = 0;
    this.#listener.missing(count);
  }

  #tell(why: string): void {
    if (this.#told) return;
    this.#told = true;
    this.#listener.stuck(why);
  }

  #flush(): void {
    if (this.#busy || this.#over || this.#lines.length === 0) return;
    clearTimeout(this.#retry);
    this.#busy = true;
    write(this.#fd, this.#chunk(), (failure, written) => {
      this.#busy = false;
      if (failure === null) this.#wrote(written);
      else this.#failed(failure);
      this.#settle();
    });
  }

  /** As many lines as are written at a time, but one at least. */
  #chunk(): Buffer {
    let [count, bytes] = [0, 0];
    for (const { length } of this.#lines) {
      if (count > 0 && bytes + length > CHUNK) break;
      count += 1;
      bytes += length;
    }
    return Buffer.concat(this.#lines.slice(0, count), bytes);
  }

  #wrote(bytes: number): void {
    let [count, rest] = [0, bytes];
    for (const { length } of this.#lines) {
      if (rest < length) break;
      count += 1;
      rest -= length;
    }
    this.#lines.splice(0, count);
    const [first] = this.#lines;
    if (first !== undefined) this.#lines[0] = first.subarray(rest);
    this.#bytes -= bytes;
    this.#delay = SOON;
    this.#failure = undefined;
    if (this.#bytes === 0) this.#told = false;
    if (this.#gap > 0 && this.#bytes <= this.#room / 2) this.#resume();
    this.#flush();
  }

  #failed({ code, message }: NodeJS.ErrnoException): void {
    this.#failure = code;
    // Whoever reads is slow, which is no error.
    if (code !== 'EAGAIN') {
      this.#counts.failures += 1;
      this.#tell(message);
    }
    this.#retry = setTimeout(() => {
      this.#flush();
    }, this.#delay).unref();
    this.#delay = Math.min(2 * this.#delay, this.#closing === undefined ? LATER : SOON);
  }

  /** Whether there is an end to be told. */
  #settle(): void {
    if (this.#closing === undefined || this.#busy) return;
    const hopeless = this.#failure !== undefined && this.#failure !== 'EAGAIN';
    if (this.#lines.length === 0 || hopeless) this.#closing();
  }
}
