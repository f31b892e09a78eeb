import { Observable, type OperatorFunction } from 'rxjs';
import type { Transform } from 'node:stream';
import split2 from 'split2';
import { detach } from './text.ts';

/** Stands in the stream of lines where a line over the limit was dropped. */
export const overlong = Symbol('overlong');

/** A block of lines, or the place of a dropped one. */
export type Piece = string | typeof overlong;

const BYTE_ORDER_MARK = '\xef\xbb\xbf';

/**
 * Cuts one-byte chunks into blocks, a block being all the whole lines that a chunk completed, each with its newline.
 * A last line that ends with the source instead of a newline gets one. Lines of more than `maxLine` bytes, the line end
 * not counted, are dropped, and `overlong` is emitted for each. A byte order mark before the first line is dropped.
 */
export function lines(maxLine: number): OperatorFunction<string, Piece> {
  return (source) =>
    new Observable((out) => {
      const cutter = new Cutter(maxLine);
      const pass = (pieces: readonly Piece[]) => {
        for (const piece of pieces) out.next(piece);
      };
      return source.subscribe({
        next: (chunk) => {
          pass(cutter.cut(chunk));
        },
        error: (failure: unknown) => {
          out.error(failure);
        },
        complete: () => {
          pass(cutter.end());
          out.complete();
        },
      });
    });
}

/** What split2 makes, with the flag by which it marks that it is skipping to the end of an over-long line. */
type Splitter = Transform & { readonly overflow: boolean };

/**
 * split2 keeps the unfinished line and its limit; this is the matcher that makes it cut blocks instead of lines, and
 * the checks around it that split2 leaves to its user: its `maxLength` judges unfinished lines only.
 */
class Cutter {
  readonly #maxLine: number;
  /** Made for the first chunk that does not end with its line: most sessions never send one. */
  #splitter: Splitter | undefined;
  /** Blocks of the chunk at work: split2 hands them to its mapper at once, its readable side would keep them a while. */
  #blocks: string[] = [];
  /** Characters after the last newline of the chunk at work; -1 for a chunk without one. */
  #tail = -1;
  #unfinished = false;
  #begun = false;
  /** First bytes that may become a byte order mark. */
  #start = '';

  constructor(maxLine: number) {
    this.#maxLine = maxLine;
  }

  /** The blocks that `chunk` completes. */
  cut(chunk: string): Piece[] {
    return this.#begun ? this.#cut(chunk) : this.#begin(chunk);
  }

  /** Drops a byte order mark from the first bytes, however they come. */
  #begin(chunk: string): Piece[] {
    const start = this.#start + chunk;
    const undecided = start.length < BYTE_ORDER_MARK.length && BYTE_ORDER_MARK.startsWith(start);
    this.#start = undecided ? start : '';
    if (undecided) return [];
    this.#begun = true;
    return this.#cut(start.startsWith(BYTE_ORDER_MARK) ? start.slice(BYTE_ORDER_MARK.length) : start);
  }

  #cut(chunk: string): Piece[] {
    if (chunk === '') return [];
    const newline = chunk.lastIndexOf('\n');
    if (!this.#unfinished && newline === chunk.length - 1) return this.#withinLimit(chunk);

    this.#splitter ??= this.#newSplitter();
    this.#blocks = [];
    this.#tail = newline < 0 ? -1 : chunk.length - newline - 1;
    const skipping = this.#splitter.overflow;
    this.#splitter.write(chunk);
    this.#unfinished = this.#tail !== 0;

    const pieces = this.#blocks.flatMap((block) => this.#withinLimit(block));
    // A line still skipped was announced when its skipping began.
    if (this.#splitter.overflow && (newline >= 0 || !skipping)) pieces.push(overlong);
    return pieces;
  }

  /** The last line, if it lacks its newline. split2's own flush would pass an over-long one. */
  end(): Piece[] {
    if (this.#start !== '') return this.#cut(`${this.#start}\n`);
    return this.#unfinished ? this.#cut('\n') : [];
  }

  /**
   * Where split2 is to cut. An unfinished line is returned unread: split2 appends to it with each chunk, and looking
   * into the concatenation would copy it each time, which is quadratic for a line that is dribbled.
   */
  #split(text: string, skipping: boolean): string[] {
    if (this.#tail < 0) return [text];
    const end = text.length - this.#tail;
    const tail = detach(text.slice(end));
    if (!skipping) return [text.slice(0, end), tail];
    // split2 drops the first piece here: the end of the over-long line.
    const next = text.indexOf('\n') + 1;
    return next === end ? [text.slice(0, next), tail] : [text.slice(0, next), text.slice(next, end), tail];
  }

  #newSplitter(): Splitter {
    const options = {
      decodeStrings: false,
      skipOverflow: true,
      maxLength: this.#maxLine + 1, // room for the `\r` of a line end
    };
    const keep = (block: string) => {
      this.#blocks.push(block);
    };
    const matcher = { [Symbol.split]: (text: string) => this.#split(text, splitter.overflow) };
    const splitter = split2(matcher, keep, options) as Splitter;
    return splitter;
  }

  #withinLimit(block: string): Piece[] {
    if (block.length <= this.#maxLine + 1) return [block];
    const pieces: Piece[] = [];
    let good = 0;
    let from = 0;
    while (from < block.length) {
      const newline = block.indexOf('\n', from);
      const length = newline - from - (block[newline - 1] === '\r' ? 1 : 0);
      if (length > this.#maxLine) {
        if (good < from) pieces.push(block.slice(good, from));
        pieces.push(overlong);
        good = newline + 1;
      }
      from = newline + 1;
    }
    if (good < block.length) pieces.push(block.slice(good));
    return pieces;
  }
}
