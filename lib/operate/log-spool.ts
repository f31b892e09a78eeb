import { write } from 'node:fs';

/** Bytes of lines that may wait. */
const ROOM_BYTES = 2 ** 20;

/** Bytes of lines that may wait while the program ends, when each session has its line. */
const LAST_ROOM_BYTES = 2 ** 25;

/** Bytes of one write, where it has several lines. */
const CHUNK_BYTES = 2 ** 16;

/** ms until a write that failed is tried again, at first and at most. */
const [FIRST_RETRY_MS, LAST_RETRY_MS] = [10, 1000];

/** Error codes of a descriptor that nobody reads any more: a closed pipe, a terminal that is gone. */
const NO_READER: ReadonlySet<string | undefined> = new Set(['EPIPE', 'EIO', 'ECONNRESET']);

/** Counts of what was lost. Both only grow. */
export interface SpoolCounts {
  /** Lines that were dropped for lack of room. */
  dropped: number;
  /** Writes that failed. */
  failures: number;
}

/** Hears when lines cannot be written, and when they can again. */
export interface SpoolListener {
  /** Hears why lines cannot be written for now. It is called once, until all that waits is written. */
  readonly stuck: (why: string) => void;
  /**
   * Hears how many lines are missing, when lines can be written again. A line that it writes stands there.
   */
  readonly missing: (count: number) => void;
}

/**
 * Writes lines to a file descriptor without ever blocking or failing its caller. Lines wait in memory, within
 * bounds; more are dropped and counted. An error of the descriptor is told and counted, and the write is
 * tried again.
 *
 * A pipe, a socket or a terminal must be non-blocking.
 */
export class Spool {
  readonly #fd: number;
  readonly #counts: SpoolCounts;
  readonly #listener: SpoolListener;
  #lines: Buffer[] = [];
  /** Bytes of the lines that wait. */
  #bytes = 0;
  #room = ROOM_BYTES;
  #isWriting = false;
  #retry: NodeJS.Timeout | undefined;
  #delay = FIRST_RETRY_MS;
  #isStuckTold = false;
  /** Lines that were dropped since the last one was taken. */
  #gap = 0;
  /** Error code of the last write, if it failed. */
  #failure: string | undefined;
  /** Lines that were dropped while somebody could have read them. */
  #missed = 0;
  #closing: (() => void) | undefined;
  #isClosed = false;

  constructor(fd: number, counts: SpoolCounts, listener: SpoolListener) {
    this.#fd = fd;
    this.#counts = counts;
    this.#listener = listener;
  }

  /** Bytes of lines that wait, with those that are being written. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Takes a line, with its line end, or drops it. */
  write(line: string): void {
    const bytes = Buffer.from(line);
    // A gap ends when half of the room is free, so that it is one gap and not many.
    if (this.#gap > 0 && this.#bytes <= this.#room / 2) this.#resume();
    if (this.#gap > 0 || (this.#bytes > 0 && this.#bytes + bytes.length > this.#room)) {
      this.#drop();
      return;
    }
    this.#lines.push(bytes);
    this.#bytes += bytes.length;
    this.#flush();
  }

  /** Makes room for the lines that come when the program ends. */
  makeRoom(): void {
    this.#room = LAST_ROOM_BYTES;
    if (this.#gap > 0 && this.#bytes <= this.#room / 2) this.#resume();
  }

  /**
   * Writes the lines that wait, until all are written, a write fails, or `patience` is over.
   *
   * @param patience ms that a reader may take nothing
   * @returns the number of lines that are missing. Lines count only while somebody could read them.
   */
  async close(patience: number): Promise<number> {
    this.makeRoom();
    const end = new Promise<void>((resolve) => (this.#closing = resolve));
    const last = setTimeout(() => this.#closing?.(), patience);
    this.#delay = FIRST_RETRY_MS;
    this.#flush();
    this.#settle();
    await end;
    clearTimeout(last);
    clearTimeout(this.#retry);
    // A retry that is late must not write to a descriptor that is another file by then.
    this.#isClosed = true;
    return this.#missed + (NO_READER.has(this.#failure) ? 0 : this.#lines.length);
  }

  #drop(): void {
    this.#gap += 1;
    this.#counts.dropped += 1;
    if (!NO_READER.has(this.#failure)) this.#missed += 1;
    this.#tellStuck('nobody takes what it has to say');
  }

  /** Ends a gap, and tells how many lines are missing in it. */
  #resume(): void {
    const count = this.#gap;
    this.#gap = 0;
    this.#listener.missing(count);
  }

  #tellStuck(why: string): void {
    if (this.#isStuckTold) return;
    this.#isStuckTold = true;
    this.#listener.stuck(why);
  }

  #flush(): void {
    if (this.#isWriting || this.#isClosed || this.#lines.length === 0) return;
    clearTimeout(this.#retry);
    this.#isWriting = true;
    write(this.#fd, this.#chunk(), (failure, written) => {
      this.#isWriting = false;
      if (failure === null) this.#wrote(written);
      else this.#failed(failure);
      this.#settle();
    });
  }

  /** The bytes of the next write: one line, or as many as fit. */
  #chunk(): Buffer {
    let [count, bytes] = [0, 0];
    for (const { length } of this.#lines) {
      if (count > 0 && bytes + length > CHUNK_BYTES) break;
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
    this.#delay = FIRST_RETRY_MS;
    this.#failure = undefined;
    if (this.#bytes === 0) this.#isStuckTold = false;
    if (this.#gap > 0 && this.#bytes <= this.#room / 2) this.#resume();
    this.#flush();
  }

  #failed({ code, message }: NodeJS.ErrnoException): void {
    this.#failure = code;
    // A reader that is slow is no error.
    if (code !== 'EAGAIN') {
      this.#counts.failures += 1;
      this.#tellStuck(message);
    }
    this.#retry = setTimeout(() => {
      this.#flush();
    }, this.#delay).unref();
    this.#delay = Math.min(2 * this.#delay, this.#closing === undefined ? LAST_RETRY_MS : FIRST_RETRY_MS);
  }

  /** Ends a close when all is written, or when a write failed. */
  #settle(): void {
    if (this.#closing === undefined || this.#isWriting) return;
    const hopeless = this.#failure !== undefined && this.#failure !== 'EAGAIN';
    if (this.#lines.length === 0 || hopeless) this.#closing();
  }
}
