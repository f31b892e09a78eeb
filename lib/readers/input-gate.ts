import { type Piece, overlong } from './lines.ts';
import type { EndReason } from '../protocol/wire.ts';
import type { Session } from '../model/session.ts';
import type { LineRate } from './line-rate.ts';
import type { Rank, TurnShare, Worker } from './turn-share.ts';

/** Bytes that are soon let in: what somebody types. */
const SMALL_BYTES = 1024;

/** Where the lines go that are let in. */
export interface Beyond {
  readonly pass: (piece: Piece) => void;
  /** All is in. */
  readonly finish: (reason: EndReason) => void;
}

/**
 * Lets the lines of a session into the pipeline: none while it is held, and no more in a turn of the event
 * loop than is fair. What is beyond takes as many of the lines as it has room for, and gives the others back.
 */
export class InputGate implements Worker {
  readonly #session: Session;
  readonly #beyond: Beyond;
  readonly #share: TurnShare;
  #rate: LineRate | undefined;
  #waiting: Piece[] = [];
  /** Bytes of them. */
  #bytes = 0;
  /** Bytes at their head that the rate has admitted already. */
  #admitted = 0;
  #isPassing = false;
  #isGivenBack = false;
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

  push(piece: Piece): void {
    this.#waiting.push(piece);
    this.#bytes += sizeOf(piece);
    this.resume();
  }

  /**
   * Nothing more comes, and `reason` is told when all is in. Where the connection is broken and the session
   * held, nobody knows for how long, what waits is left: nobody was told that it was accepted.
   */
  end(reason: EndReason): void {
    this.#end = reason;
    if (reason !== 'eof' && this.#session.held) this.#leave();
    this.resume();
  }

  /** Goes on as long as nothing holds the session. */
  resume(): void {
    if (!this.#session.isDeferred) this.#run();
  }

  /** A later turn has come. */
  work(): void {
    if (this.#session.isDeferred && !this.#run()) this.#session.isDeferred = false;
  }

  /** Puts lines that were passed on back at the head of what waits. */
  takeBack(lines: Buffer): void {
    this.#waiting.unshift(lines);
    this.#bytes += lines.length;
    this.#admitted += lines.length;
    this.#isGivenBack = true;
    // Who gives them back handles an event: nothing may enter before that is over.
    if (!this.#isPassing && !this.#session.isDeferred) this.#defer('busy');
  }

  /** Nothing more will be read: what waits is not to be slowed for its rate. */
  stop(): void {
    const rate = this.#rate;
    this.#rate = undefined;
    rate?.release();
  }

  /** Lets in a piece though the session is held. */
  letIn(): void {
    if (this.#waiting.length > 0) this.#passOne();
  }

  /** Nothing is let in any more. */
  close(): void {
    this.stop();
    this.#leave();
    this.#session.isDeferred = false;
  }

  /** Lets in what may come in now; the answer is whether a later turn is waited for. */
  #run(): boolean {
    while (this.#waiting.length > 0) {
      if (this.#session.held) return false;
      if (!this.#share.hasTimeFor(this.#bytes)) {
        return this.#defer(this.#bytes <= SMALL_BYTES ? 'small' : 'late');
      }
      if (!this.#passOne()) return this.#makeWay();
    }
    if (this.#end !== undefined) this.#beyond.finish(this.#end);
    else if (this.#share.isUsedUp && !this.#session.held) return this.#defer('late');
    return false;
  }

  /** What was given back waits for whoever holds the session, or for others to have had their turn. */
  #makeWay(): boolean {
    return !this.#session.held && this.#defer('busy');
  }

  #defer(rank: Rank): true {
    this.#session.isDeferred = true;
    this.#share.later(this, rank);
    return true;
  }

  /** Passes on one piece, or what its rate allows of it; the answer is whether all of that was taken. */
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

  /** How much of `block` may go on. */
  #admit(block: Buffer): number {
    if (this.#rate === undefined) return block.length;
    if (this.#admitted === 0) return this.#rate.admit(block);
    const end = Math.min(this.#admitted, block.length);
    this.#admitted -= end;
    return end;
  }

  #leave(): void {
    this.#waiting = [];
    this.#bytes = 0;
    this.#admitted = 0;
  }
}

/** A line that was too long counts too. */
function sizeOf(piece: Piece): number {
  return piece === overlong ? 1 : piece.length;
}
