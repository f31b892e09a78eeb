import { type Piece, overlong } from './lines.ts';
import type { EndReason } from '../protocol/wire.ts';
import type { Session } from '../model/session.ts';
import type { LineRate } from './line-rate.ts';
import type { Rank, TurnShare, Worker } from './turn-share.ts';

/** Bytes up to which input goes first in a later turn: what a person types. */
const SMALL_BYTES = 1024;

/** The receiver of the lines that are let in. */
export interface Beyond {
  /** Takes lines. It may give some of them back, see `takeBack`. */
  readonly pass: (piece: Piece) => void;
  /** Hears that all is in, and why no more comes. */
  readonly finish: (reason: EndReason) => void;
}

/**
 * Lets the lines of a session into the pipeline. None enter while the session is held, and no more in a turn
 * of the event loop than is fair. The receiver takes as many lines as it has room for, and gives the others
 * back.
 */
export class InputGate implements Worker {
  readonly #session: Session;
  readonly #beyond: Beyond;
  readonly #share: TurnShare;
  #rate: LineRate | undefined;
  #waiting: Piece[] = [];
  /** Bytes that wait. */
  #bytes = 0;
  /** Bytes at the head of those that wait which the rate has admitted already. */
  #admitted = 0;
  /** Whether the receiver is called at the moment. */
  #isPassing = false;
  /** Whether the receiver gave lines of the last piece back. */
  #isGivenBack = false;
  /** Why no more comes, once the input has ended. */
  #end: EndReason | undefined;

  constructor(session: Session, rate: LineRate | undefined, share: TurnShare, beyond: Beyond) {
    this.#session = session;
    this.#rate = rate;
    this.#share = share;
    this.#beyond = beyond;
  }

  /** Bytes that wait, and one for each line that was too long. */
  get waiting(): number {
    return this.#bytes;
  }

  /** Takes the next piece of input. */
  push(piece: Piece): void {
    this.#waiting.push(piece);
    this.#bytes += sizeOf(piece);
    this.resume();
  }

  /**
   * Takes the end of the input. `reason` is told when all is in. What waits is dropped where the connection
   * is broken and the session held: it was not accepted, and the hold may last.
   */
  end(reason: EndReason): void {
    this.#end = reason;
    if (reason !== 'eof' && this.#session.held) this.#drop();
    this.resume();
  }

  /** Lets in what may enter now. */
  resume(): void {
    if (!this.#session.isDeferred) this.#run();
  }

  /** Lets in what may enter, in the later turn that it was deferred to. */
  work(): void {
    if (this.#session.isDeferred && !this.#run()) this.#session.isDeferred = false;
  }

  /** Puts lines that the receiver gave back at the head of those that wait. */
  takeBack(lines: Buffer): void {
    this.#waiting.unshift(lines);
    this.#bytes += lines.length;
    this.#admitted += lines.length;
    this.#isGivenBack = true;
    // The receiver is still handling an event. Nothing may enter before that is over.
    if (!this.#isPassing && !this.#session.isDeferred) this.#defer('busy');
  }

  /** Ends the rate: nothing more will be read, and what waits is not slowed any more. */
  stop(): void {
    const rate = this.#rate;
    this.#rate = undefined;
    rate?.release();
  }

  /** Lets in one piece though the session is held. */
  letIn(): void {
    if (this.#waiting.length > 0) this.#passOne();
  }

  /** Closes the gate: what waits is dropped. */
  close(): void {
    this.stop();
    this.#drop();
    this.#session.isDeferred = false;
  }

  /** Lets in what may enter now. Returns whether the rest is deferred to a later turn. */
  #run(): boolean {
    while (this.#waiting.length > 0) {
      if (this.#session.held) return false;
      if (!this.#share.hasTimeFor(this.#bytes)) {
        return this.#defer(this.#bytes <= SMALL_BYTES ? 'small' : 'late');
      }
      if (!this.#passOne()) return this.#deferRest();
    }
    if (this.#end !== undefined) this.#beyond.finish(this.#end);
    else if (this.#share.isUsedUp && !this.#session.held) return this.#defer('late');
    return false;
  }

  /** Defers what was given back, unless the session is held. Returns whether it did. */
  #deferRest(): boolean {
    return !this.#session.held && this.#defer('busy');
  }

  #defer(rank: Rank): true {
    this.#session.isDeferred = true;
    this.#share.later(this, rank);
    return true;
  }

  /** Passes on one piece, or as much of it as the rate allows. Returns whether all of that was taken. */
  #passOne(): boolean {
    const [piece = overlong] = this.#waiting;
    const end = piece === overlong ? 1 : this.#admit(piece);
    this.#bytes -= end;
    if (piece === overlong || end === piece.length) this.#waiting.shift();
    else this.#waiting[0] = piece.subarray(end);
    this.#isPassing = true;
    this.#isGivenBack = false;
    this.#beyond.pass(piece === overlong || end === piece.length ? piece : piece.subarray(0, end));
    this.#isPassing = false;
    return !this.#isGivenBack;
  }

  /** Bytes of `block` that may enter by the rate. */
  #admit(block: Buffer): number {
    if (this.#rate === undefined) return block.length;
    if (this.#admitted === 0) return this.#rate.admit(block);
    const end = Math.min(this.#admitted, block.length);
    this.#admitted -= end;
    return end;
  }

  #drop(): void {
    this.#waiting = [];
    this.#bytes = 0;
    this.#admitted = 0;
  }
}

/** Bytes that a piece counts as waiting. A line that was too long counts as one. */
function sizeOf(piece: Piece): number {
  return piece === overlong ? 1 : piece.length;
}
