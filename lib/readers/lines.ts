import { Observable, type Observer, type OperatorFunction, type Subscriber } from 'rxjs';
import type { Transform } from 'node:stream';
import split2 from 'split2';
import { NEWLINE } from '../model/bytes.ts';

/** Stands in the stream of lines where a line over the limit was dropped. */
export const overlong = Symbol('overlong');

/** A block of lines, or the place of a dropped one. */
export type Piece = Buffer | typeof overlong;

const BYTE_ORDER_MARK = Buffer.from('\ufeff');
const LINE_END = Buffer.of(NEWLINE);
const CARRIAGE_RETURN = 0x0d;

/**
 * Cuts chunks into blocks of whole lines, each with its newline: the line that a chunk completed, if it came
 * in parts, and all those that came whole. A last line that ends with the source instead of a newline gets
 * one. Lines of more than `maxLine` bytes, the line end not counted, are dropped, and `overlong` is emitted
 * for each. A byte order mark before the first line is dropped.
 */
export function lines(maxLine: number): OperatorFunction<Buffer, Piece> {
  return (source) => new Observable((out) => source.subscribe(new Cutter(maxLine, out)));
}

/** What split2 makes, with the flag by which it marks that it is skipping to the end of an over-long line. */
type Splitter = Transform & { readonly overflow: boolean };

/**
 * split2 puts the lines together that do not come whole, and keeps their limit. The whole lines in the midst
 * of a chunk pass it by, as the block that they are; and its `maxLength` judges unfinished lines only, so the
 * others are judged here.
 */
class Cutter implements Observer<Buffer> {
  readonly #maxLine: number;
  readonly #out: Subscriber<Piece>;
  /** Made for the first chunk that does not end with its line: most sessions never send one. */
  #splitter: Splitter | undefined;
  /**
   * What split2 put together: it hands that to its mapper at once, its readable side would keep it a while.
   */
  #mended: Buffer[] | undefined;
  #unfinished = false;
  #begun = false;
  /** First bytes that may become a byte order mark. */
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

  /** Passes the last line, if it lacks its newline. split2's own flush would pass an over-long one. */
  complete(): void {
    if (this.#start !== undefined) this.#pass(this.#cut(Buffer.concat([this.#start, LINE_END])));
    else if (this.#unfinished) this.#pass(this.#cut(LINE_END));
    this.#out.complete();
  }

  #pass(pieces: readonly Piece[]): void {
    for (const piece of pieces) this.#out.next(piece);
  }

  /** Drops a byte order mark from the first bytes, however they come. */
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

  /** The line that `part`, of one line, completes, if it does. */
  #mend(part: Buffer): Piece[] {
    if (part.length === 0) return [];
    const splitter = (this.#splitter ??= this.#newSplitter());
    const skipping = splitter.overflow;
    const mended: Buffer[] = [];
    this.#mended = mended;
    this.#unfinished = part.at(-1) !== NEWLINE;
    // One character a byte, so that split2 decodes nothing and counts bytes.
    splitter.write(part.toString('latin1'));
    // A line that is skipped was announced when its skipping began.
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
    // An unfinished line is returned unread: split2 appends to it with each chunk, and looking into the
    // concatenation would copy it each time, which is quadratic for a line that is dribbled.
    const matcher = { [Symbol.split]: (text: string) => (this.#unfinished ? [text] : [text, '']) };
    return split2(matcher, keep, options) as Splitter;
  }

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
