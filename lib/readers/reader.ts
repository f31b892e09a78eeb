import type { Duplex } from 'node:stream';
import {
  Observable,
  type Observer,
  type Subscriber,
  type Subscription,
  type Unsubscribable,
  asapScheduler,
  asyncScheduler,
} from 'rxjs';
import type { SessionEvent } from '../model/events.ts';
import type { Latency } from '../model/latency.ts';
import { InputGate } from './input-gate.ts';
import { type Piece, lines, overlong } from './lines.ts';
import { Opening } from './opening.ts';
import type { EndReason } from '../protocol/wire.ts';
import type { Intake, Session } from '../model/session.ts';
import { LineRate } from './line-rate.ts';
import type { TurnShare } from './turn-share.ts';

export interface ReaderOptions {
  /** The longest line, in bytes. */
  readonly maxLine: number;
  /** ms from the connection to the login. */
  readonly loginTimeout: number;
  /** ms that the peer may say nothing; 0 for ever. */
  readonly idleTimeout: number;
  /** Lines a second from which on the peer is slowed; 0 for never. */
  readonly maxRate: number;
  /** Measures how long messages take, if given. */
  readonly latency?: Latency | undefined;
}

/** A connection that did not end as a chat does. */
class SessionFailure extends Error {
  override readonly name = 'SessionFailure';
  readonly reason: EndReason;

  constructor(reason: EndReason) {
    super(reason);
    this.reason = reason;
  }
}

/**
 * One connection as its events: `opened`, its lines, `ended`. It ends with the peer's input, with a
 * connection that breaks, when no login or nothing at all comes in time, or when the session is dismissed.
 * Whoever unsubscribes, as the shutdown does, hears no `ended`; either way what the peer still sends is read
 * and discarded from then on.
 *
 * @param share of the event loop's turns, which all sessions have in common
 */
export function reader(session: Session, options: ReaderOptions, share: TurnShare): Observable<SessionEvent> {
  return new Observable((out) => {
    const reading = new Reading(session, options, share, out);
    out.add(reading);
    reading.begin();
  });
}

/** An object and no chain of operators: this is what an idle connection costs, ten thousand times. */
class Reading implements Observer<Piece>, Intake, Unsubscribable {
  readonly #session: Session;
  readonly #options: ReaderOptions;
  readonly #out: Subscriber<SessionEvent>;
  readonly #gate: InputGate;
  #input: Subscription | undefined;
  /** Due if no login comes. */
  #login: Subscription | undefined;
  #silence: Subscription | undefined;
  #heard = 0;

  constructor(session: Session, options: ReaderOptions, share: TurnShare, out: Subscriber<SessionEvent>) {
    this.#session = session;
    this.#options = options;
    this.#out = out;
    const rate = options.maxRate > 0 ? new LineRate(session, options.maxRate) : undefined;
    this.#gate = new InputGate(session, rate, share, this);
  }

  get waiting(): number {
    return this.#gate.waiting;
  }

  begin(): void {
    const { maxLine, loginTimeout, idleTimeout } = this.#options;
    this.#session.attach(this);
    this.#login = asyncScheduler.schedule(() => {
      if (this.#session.name === undefined) this.#end('login-timeout');
    }, loginTimeout);
    if (idleTimeout > 0) this.#watchSilence(idleTimeout);
    this.#out.next({ type: 'opened', session: this.#session });
    const input = chunks(this.#session.socket).pipe(lines(maxLine)).subscribe(this);
    // Whoever heard of the opening may have ended it.
    if (this.#out.closed) input.unsubscribe();
    else this.#input = input;
  }

  next(piece: Piece): void {
    if (this.#silence !== undefined) this.#heard = performance.now();
    if (this.#options.latency !== undefined) this.#session.readAt = performance.now();
    this.#gate.push(piece);
  }

  error(failure: unknown): void {
    if (failure instanceof SessionFailure) this.#gate.end(failure.reason);
    else this.#out.error(failure);
  }

  complete(): void {
    this.#gate.end('eof');
  }

  /** What the inlet lets in. */
  pass(piece: Piece): void {
    const session = this.#session;
    if (piece === overlong) this.#out.next({ type: 'overlong', session });
    else this.#out.next({ type: 'lines', session, block: piece });
    if (this.#login === undefined || session.name === undefined) return;
    this.#login.unsubscribe();
    this.#login = undefined;
  }

  /** All that came is in. */
  finish(reason: EndReason): void {
    this.#end(reason);
  }

  dismiss(reason: EndReason): void {
    this.#later(() => {
      this.#end(reason);
    });
  }

  resume(): void {
    this.#later(() => {
      this.#gate.resume();
    });
  }

  takeBack(lines: Buffer): void {
    this.#gate.takeBack(lines);
  }

  stop(): void {
    this.#gate.stop();
  }

  letIn(): void {
    this.#gate.letIn();
  }

  unsubscribe(): void {
    this.#input?.unsubscribe();
    this.#login?.unsubscribe();
    this.#silence?.unsubscribe();
    this.#gate.close();
    this.#session.discard();
  }

  #end(reason: EndReason): void {
    this.#out.next({ type: 'ended', session: this.#session, reason });
    this.#out.complete();
  }

  #later(action: () => void): void {
    asapScheduler.schedule(() => {
      if (!this.#out.closed) action();
    });
  }

  #watchSilence(idleTimeout: number): void {
    this.#heard = performance.now();
    const left = () => (this.#session.held ? idleTimeout : this.#heard + idleTimeout - performance.now());
    const end = () => {
      this.#end('idle');
    };
    this.#silence = asyncScheduler.schedule(function () {
      const ms = left();
      if (ms <= 0) end();
      else this.schedule(undefined, ms);
    }, idleTimeout);
  }
}

/** What a connection sends; completes with its input, fails where the connection breaks first. */
function chunks(socket: Duplex): Observable<Buffer> {
  return new Observable((out) => {
    const answer = (bytes: Buffer) => {
      if (socket.writable) socket.write(bytes);
    };
    let opening: Opening | undefined = new Opening(answer);
    const onData = (chunk: Buffer) => {
      const text = opening === undefined ? chunk : opening.take(chunk);
      if (opening?.isOver === true) opening = undefined;
      if (text === undefined) out.error(new SessionFailure('not-chat'));
      else if (text.length > 0) out.next(text);
    };
    const onEnd = () => {
      if (opening !== undefined && opening.rest.length > 0) out.next(opening.rest);
      out.complete();
    };
    const onClose = () => {
      out.error(new SessionFailure('reset'));
    };
    socket.on('data', onData).on('end', onEnd).on('close', onClose);
    return () => {
      socket.off('data', onData).off('end', onEnd).off('close', onClose);
    };
  });
}
