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
  /** ms that the peer may send nothing; 0 for no limit. */
  readonly idleTimeout: number;
  /** Lines a second above which the peer is slowed; 0 for no limit. */
  readonly maxRate: number;
  /** Measures how long messages take. If it is given, sessions keep when their last input was read. */
  readonly latency?: Latency | undefined;
}

/** The failure of a connection that did not end with its input. */
class SessionFailure extends Error {
  override readonly name = 'SessionFailure';
  readonly reason: EndReason;

  constructor(reason: EndReason) {
    super(reason);
    this.reason = reason;
  }
}

/**
 * The events of one connection: `opened`, its lines, `ended`. The end comes with the end of the input, with a
 * connection that breaks, when no login or nothing at all comes in time, or when the session is dismissed. A
 * subscriber that unsubscribes, as a shutdown does, hears no `ended`. Either way, later input of the peer is
 * read and discarded.
 *
 * @param share the turns of the event loop, which all sessions share
 */
export function reader(session: Session, options: ReaderOptions, share: TurnShare): Observable<SessionEvent> {
  return new Observable((out) => {
    const reading = new Reading(session, options, share, out);
    out.add(reading);
    reading.begin();
  });
}

/** It is one object and no chain of operators, because ten thousand idle connections have one each. */
class Reading implements Observer<Piece>, Intake, Unsubscribable {
  readonly #session: Session;
  readonly #options: ReaderOptions;
  readonly #out: Subscriber<SessionEvent>;
  readonly #gate: InputGate;
  #input: Subscription | undefined;
  /** Timer that ends the session if no login comes. */
  #loginTimer: Subscription | undefined;
  /** Timer that ends the session if nothing comes. */
  #silenceTimer: Subscription | undefined;
  /** When the peer last sent something, in ms. */
  #heardAt = 0;

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

  /** Emits `opened` and begins to read. */
  begin(): void {
    const { maxLine, loginTimeout, idleTimeout } = this.#options;
    this.#session.attach(this);
    this.#loginTimer = asyncScheduler.schedule(() => {
      if (this.#session.name === undefined) this.#end('login-timeout');
    }, loginTimeout);
    if (idleTimeout > 0) this.#watchSilence(idleTimeout);
    this.#out.next({ type: 'opened', session: this.#session });
    const input = chunks(this.#session.socket).pipe(lines(maxLine)).subscribe(this);
    // A subscriber may have unsubscribed while it heard `opened`.
    if (this.#out.closed) input.unsubscribe();
    else this.#input = input;
  }

  next(piece: Piece): void {
    if (this.#silenceTimer !== undefined) this.#heardAt = performance.now();
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

  /** Takes what the gate lets in. */
  pass(piece: Piece): void {
    const session = this.#session;
    if (piece === overlong) this.#out.next({ type: 'overlong', session });
    else this.#out.next({ type: 'lines', session, block: piece });
    if (this.#loginTimer === undefined || session.name === undefined) return;
    this.#loginTimer.unsubscribe();
    this.#loginTimer = undefined;
  }

  /** Ends the session: the gate has let all in. */
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
    this.#loginTimer?.unsubscribe();
    this.#silenceTimer?.unsubscribe();
    this.#gate.close();
    this.#session.discard();
  }

  #end(reason: EndReason): void {
    this.#out.next({ type: 'ended', session: this.#session, reason });
    this.#out.complete();
  }

  /** Acts later than the call, so that nothing re-enters the broker. */
  #later(action: () => void): void {
    asapScheduler.schedule(() => {
      if (!this.#out.closed) action();
    });
  }

  #watchSilence(idleTimeout: number): void {
    this.#heardAt = performance.now();
    // A peer that is held cannot say anything.
    const left = () => (this.#session.held ? idleTimeout : this.#heardAt + idleTimeout - performance.now());
    const end = () => {
      this.#end('idle');
    };
    this.#silenceTimer = asyncScheduler.schedule(function () {
      const ms = left();
      if (ms <= 0) end();
      else this.schedule(undefined, ms);
    }, idleTimeout);
  }
}

/** The input of a connection. Completes at its end; fails where the connection breaks before that. */
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
