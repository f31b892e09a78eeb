import { Duplex } from 'node:stream';

/**
 * Wraps a stream that the embedding program gives, so that the server can rely on it. The wrapper gives
 * bytes, whatever the stream gives. It yields to the event loop between two reads, however much there is. It
 * is closed when it is destroyed. An error of the stream ends this connection and no other: the stream is
 * destroyed with an error that says why.
 */
export class ForeignStream extends Duplex {
  /** The property `trusted` of the stream. */
  readonly trusted: boolean;
  readonly #stream: Duplex;
  /** Whether a read is wanted. */
  #wanted = false;
  /** Whether the event loop has turned since the last read. */
  #rested = true;

  /** Throws a `TypeError` for anything but a Duplex stream. */
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
      // Input from before the close may still wait here to be read.
      if (stream.readableEnded && !this.readableEnded) this.once('end', () => this.destroy());
      else this.destroy();
    });
    if (stream.readableEnded) this.push(null);
    if (stream.destroyed) this.destroy();
  }

  /** Reads what the stream has now, and nothing that it makes meanwhile. */
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
      // The stream is not used any more, so its error does not matter.
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

  /** Passes on the result of one read. Returns its length in units of the stream: bytes or objects. */
  #readOnce(): number {
    let length = 0;
    this.#attempt(() => {
      const chunk: unknown = this.#stream.read();
      // 'readable' comes when there is more.
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
