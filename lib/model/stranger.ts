import { Duplex } from 'node:stream';

/**
 * A stream of somebody else's as one that can be relied on. It gives bytes, however the other one gives them;
 * it yields to the event loop between two reads, however much there is; and it is closed when it is
 * destroyed. What the other one does wrong ends this connection and no other: the other one is destroyed with
 * an error that says why.
 */
export class Stranger extends Duplex {
  /** As the other stream says of itself. */
  readonly trusted: boolean;
  readonly #stream: Duplex;
  #wanted = false;
  /** Whether the event loop has turned since the last read. */
  #rested = true;

  /** Throws a `TypeError` for what is no stream. */
  constructor(stream: Duplex & { readonly trusted?: boolean | undefined }) {
    super();
    for (const method of ['on', 'read', 'write', 'end', 'destroy'] as const) {
      if (typeof (stream as Duplex | null | undefined)?.[method] !== 'function')
        throw new TypeError('a connection is a Duplex stream');
    }
    this.#stream = stream;
    this.trusted = stream.trusted === true;
    stream.on('error', (failure: unknown) => {
      this.#fail(failure);
    });
    stream.on('readable', () => {
      if (this.#wanted) this.#readSoon();
    });
    stream.on('end', () => {
      this.push(null);
    });
    stream.on('close', () => {
      // What it said before its end is still to be read.
      if (stream.readableEnded && !this.readableEnded) this.once('end', () => this.destroy());
      else this.destroy();
    });
    if (stream.readableEnded) this.push(null);
    if (stream.destroyed) this.destroy();
  }

  /** Takes what the other stream has to give now, and nothing that it makes meanwhile. */
  catchUp(): void {
    let left = this.#stream.readableLength;
    for (let read = left; left > 0 && read > 0; left -= read) read = this.#readOnce();
  }

  override _read(): void {
    this.#wanted = true;
    this.#readSoon();
  }

  override _write(chunk: Buffer, _encoding: string, done: (failure?: Error | null) => void): void {
    this.#attempt(() => this.#stream.write(chunk, done));
  }

  override _final(done: () => void): void {
    this.#attempt(() => this.#stream.end(done));
  }

  override _destroy(failure: Error | null, done: (failure: Error | null) => void): void {
    try {
      this.#stream.destroy(failure ?? undefined);
    } catch {
      // It is not used any more, whatever it says to that.
    }
    done(failure);
  }

  #readSoon(): void {
    const read = () => {
      if (!this.#wanted || this.destroyed) return;
      this.#rested = false;
      setImmediate(() => (this.#rested = true));
      this.#readOnce();
    };
    if (this.#rested) process.nextTick(read);
    else setImmediate(read);
  }

  /** Passes on what one read gives; the answer is how much that was, in the other stream's units. */
  #readOnce(): number {
    let length = 0;
    this.#attempt(() => {
      const chunk: unknown = this.#stream.read();
      // 'readable' tells when there is more.
      if (chunk === null) return;
      this.#wanted = false;
      const bytes = bytesOf(chunk);
      length = this.#stream.readableObjectMode ? 1 : (chunk as Buffer | string).length;
      this.push(bytes);
    });
    return length;
  }

  #attempt(action: () => unknown): void {
    try {
      action();
    } catch (failure) {
      this.#fail(failure);
    }
  }

  #fail(failure: unknown): void {
    this.destroy(failure instanceof Error ? failure : new Error(String(failure)));
  }
}

function bytesOf(chunk: unknown): Uint8Array {
  if (typeof chunk === 'string') return Buffer.from(chunk);
  if (chunk instanceof Uint8Array) return chunk;
  throw new TypeError(`a connection gives bytes or text, not ${typeof chunk}`);
}
