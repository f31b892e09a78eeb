import { Observable, type Observer, type OperatorFunction, type Subscriber } from 'rxjs';
import type { Transform } from 'node:stream';
import split2 from 'split2';
import { NEWLINE } from '../model/bytes.ts';

/** Marks the place in the stream where a line over the limit was dropped. */
export const overlong = Symbol('overlong');

/** A block of whole lines, or the mark of a dropped one. */
export type Piece = Buffer | typeof overlong;

const BYTE_ORDER_MARK = Buffer.from('\ufeff');
const LINE_END = Buffer.of(NEWLINE);
const CARRIAGE_RETURN = 0x0d;

/**
 * Cuts chunks into blocks of whole lines, each with its newline. A line that came in several chunks is one
 * block, and the whole lines of a chunk are another. A last line without a newline gets one. Lines of more
 * than `maxLine` bytes, without their line end, are dropped, and `overlong` is emitted for each. A byte order
 * mark before the first line is dropped.
 */
export function lines(maxLine: number): OperatorFunction<Buffer, Piece> {
  return (source) => new Observable((out) => source.subscribe(new Cutter(maxLine, out)));
}

/** The stream of split2. It has `overflow` set while it skips to the end of an over-long line. */
type Splitter = Transform & { readonly overflow: boolean };

/**
 * Puts lines that come in parts together with split2, which also limits their length. Whole lines within a
 * chunk bypass split2 as one block. Their length is checked here.
 */
class Cutter implements Observer<Buffer> {
  readonly #maxLine: number;
  readonly #out: Subscriber<Piece>;
  /** Made for the first chunk that ends within a line: most sessions never send one. */
  #splitter: Splitter | undefined;
  /**
   * The lines that split2 completed. Its mapper gives them at once; its readable side would give them later.
   */
  #mended: Buffer[] | undefined;
  /** Whether the last line so far has no newline yet. */
  #unfinished = false;
  /** Whether the input is past a byte order mark. */
  #begun = false;
  /** First bytes that may be the beginning of a byte order mark. */
  #start: Buffer | undefined;

  constructor(maxLine: number, out: Subscriber<Piece>) {
    this.#maxLine = maxLine;
    this.#out = out;
  }

  next(chunk: Buffer): void {
    this.#pass(this.#begun ? this.#cut(chunk) : this.#begin(chunk));
  }

  error(failure: unknown): void {
    this.#out.error(failure);
  }

  /** Passes the last line, if it has no newline. The flush of split2 would pass an over-long one too. */
  complete(): void {
    if (this.#start !== undefined) this.#pass(this.#cut(Buffer.concat([this.#start, LINE_END])));
    else if (this.#unfinished) this.#pass(this.#cut(LINE_END));
    this.#out.complete();
  }

  #pass(pieces: readonly Piece[]): void {
    for (const piece of pieces) this.#out.next(piece);
  }

  /** Drops a byte order mark from the first bytes, which may come in several chunks. */
  #begin(chunk: Buffer): Piece[] {
    const start = this.#start === undefined ? chunk : Buffer.concat([this.#start, chunk]);
    const { length } = BYTE_ORDER_MARK;
    const marked = start.subarray(0, length).equals(BYTE_ORDER_MARK.subarray(0, start.length));
    const undecided = marked && start.length < length;
    this.#start = undecided ? start : undefined;
    if (undecided) return [];
    this.#begun = true;
    return this.#cut(marked ? start.subarray(length) : start);
  }

  #cut(chunk: Buffer): Piece[] {
    const head = this.#unfinished ? chunk.indexOf(NEWLINE) + 1 : 0;
    const tail = chunk.lastIndexOf(NEWLINE) + 1;
    if (head === 0 && tail === chunk.length) return this.#withinLimit(chunk);
    return [
      ...this.#mend(chunk.subarray(0, head)),
      ...this.#withinLimit(chunk.subarray(head, tail)),
      ...this.#mend(chunk.subarray(tail)),
    ];
  }

  /** The line that `part` completes, if it does. `part` reaches into one line only. */
  #mend(part: Buffer): Piece[] {
    if (part.length === 0) return [];
    const splitter = (this.#splitter ??= this.#newSplitter());
    const skipping = splitter.overflow;
    const mended: Buffer[] = [];
    this.#mended = mended;
    this.#unfinished = part.at(-1) !== NEWLINE;
    // Latin-1 has one character for each byte: split2 decodes nothing, and counts bytes.
    splitter.write(part.toString('latin1'));
    // `overlong` is emitted once for a line, when its skipping begins.
    if (splitter.overflow) return skipping ? [] : [overlong];
    return mended.flatMap((line) => this.#withinLimit(line));
  }

  #newSplitter(): Splitter {
    const options = {
      decodeStrings: false,
      skipOverflow: true,
      maxLength: this.#maxLine + 1, // room for the `\r` of a line end
    };
    const keep = (line: string) => {
      this.#mended?.push(Buffer.from(line, 'latin1'));
    };
    // An unfinished line is returned unread. split2 appends each chunk to it, and looking into the
    // concatenation would copy it each time. For a line that comes byte by byte that is quadratic.
    const matcher = { [Symbol.split]: (text: string) => (this.#unfinished ? [text] : [text, '']) };
    return split2(matcher, keep, options) as Splitter;
  }

  /** The lines of a block, with marks in place of those over the limit. */
  #withinLimit(block: Buffer): Piece[] {
    if (block.length === 0) return [];
    if (block.length <= this.#maxLine + 1) return [block];
    const pieces: Piece[] = [];
    let good = 0;
    let from = 0;
    while (from < block.length) {
      const newline = block.indexOf(NEWLINE, from);
      const length = newline - from - (block[newline - 1] === CARRIAGE_RETURN ? 1 : 0);
      if (length > this.#maxLine) {
        if (good < from) pieces.push(block.subarray(good, from));
        pieces.push(overlong);
        good = newline + 1;
      }
      from = newline + 1;
    }
    if (good < block.length) pieces.push(block.subarray(good));
    return pieces;
  }
}
