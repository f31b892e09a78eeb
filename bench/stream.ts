/** Digits of a message's number. */
const DIGITS = 8;

/**
 * A run of messages that differ in their number alone, as bytes. One block of them is built once; for each
 * next block the digits that change are patched in place. So writing is sending slices, and verifying is
 * comparing slices: both cost a few nanoseconds a message, and the generator is not what limits a
 * measurement.
 */
export class Stream {
  readonly #messageLength: number;
  readonly #total: number;
  readonly #block: Buffer;
  /** Where the number stands in a message; -1 where it has none. */
  readonly #digitsAt: number;
  /** The digits that one block has in common. */
  #shared: string;
  #blocks = 0;
  #position = 0;

  /**
   * @param render one message, given its number in ASCII digits
   * @param count how many there are, numbered from 0
   * @param blockSize in bytes, at most, unless one message is longer
   */
  constructor(render: (number: string) => string, count: number, blockSize: number) {
    const zeros = Buffer.from(render('0'.repeat(DIGITS)), 'latin1');
    const ones = Buffer.from(render('1'.repeat(DIGITS)), 'latin1');
    this.#messageLength = zeros.length;
    this.#digitsAt = zeros.findIndex((byte, index) => byte !== ones[index]);
    this.#total = count * zeros.length;
    let low = 0;
    while (10 ** low < count && 10 ** (low + 1) * zeros.length <= blockSize) low += 1;
    this.#shared = '0'.repeat(DIGITS - low);
    const inBlock = Array.from({ length: Math.min(count, 10 ** low) }, (_, number) =>
      render(String(number).padStart(DIGITS, '0')),
    );
    this.#block = Buffer.from(inBlock.join(''), 'latin1');
  }

  /** Whole messages so far. */
  get messages(): number {
    return Math.floor(this.#position / this.#messageLength);
  }

  get done(): boolean {
    return this.#position === this.#total;
  }

  /** Between two messages. */
  get atBoundary(): boolean {
    return this.#position % this.#messageLength === 0;
  }

  /**
   * At least one of the next messages, and at most `most`: valid until the next call, so only for what is
   * sent.
   */
  take(most: number): Buffer {
    const offset = this.#offset();
    const end = Math.min(offset + most * this.#messageLength, this.#end(offset));
    this.#position += end - offset;
    return this.#block.subarray(offset, end);
  }

  /** How many of the bytes from `start` to `end` are the next ones of this stream; goes on behind them. */
  match(bytes: Buffer, start: number, end: number): number {
    let at = start;
    while (at < end && !this.done) {
      const offset = this.#offset();
      const length = Math.min(end - at, this.#end(offset) - offset);
      const equal = bytes.compare(this.#block, offset, offset + length, at, at + length) === 0;
      const right = equal ? length : this.#commonLength(bytes, at, offset);
      this.#position += right;
      at += right;
      if (!equal) break;
    }
    return at - start;
  }

  /** What comes next, to be shown. */
  peek(): string {
    if (this.done) return 'no more';
    const offset = this.#offset();
    return JSON.stringify(this.#block.toString('latin1', offset, Math.min(offset + 80, this.#end(offset))));
  }

  /** Where the next byte is in the block, which is patched when it begins anew. */
  #offset(): number {
    const blocks = Math.floor(this.#position / this.#block.length);
    if (blocks !== this.#blocks) this.#patch(blocks);
    return this.#position - blocks * this.#block.length;
  }

  /** Where the block, or the stream in it, ends. */
  #end(offset: number): number {
    return Math.min(this.#block.length, offset + this.#total - this.#position);
  }

  #patch(blocks: number): void {
    const digits = String(blocks).padStart(this.#shared.length, '0');
    for (let place = 0; place < digits.length && this.#digitsAt >= 0; place += 1) {
      if (digits[place] === this.#shared[place]) continue;
      const code = digits.charCodeAt(place);
      for (let at = this.#digitsAt + place; at < this.#block.length; at += this.#messageLength) {
        this.#block[at] = code;
      }
    }
    this.#shared = digits;
    this.#blocks = blocks;
  }

  #commonLength(bytes: Buffer, at: number, offset: number): number {
    let length = 0;
    while (bytes[at + length] === this.#block[offset + length]) length += 1;
    return length;
  }
}
