import type { Duplex } from 'node:stream';
import { Observable, type Subscriber } from 'rxjs';
import { discard } from './discard.ts';
import { showAddress } from '../protocol/endpoint.ts';
import type { EndReason } from '../protocol/wire.ts';

/** A stream to and from a peer, and where that is, if it is anywhere. Sockets are such streams. */
export interface Connection extends Duplex {
  /** The peer's address; a connection without one is of no address when those of one address are counted. */
  readonly remoteAddress?: string | undefined;
  /** The peer's port. */
  readonly remotePort?: number | undefined;
  /**
   * Whether who makes it vouches for who is at its other end: where there are accounts it logs in without a
   * password.
   */
  readonly trusted?: boolean | undefined;
}

/** The stream of a session. */
export interface ByteStream extends Duplex {
  /** Reads what there is now, of a stream that has more and more the more one reads. */
  readonly catchUp?: () => void;
}

/** Where a connection comes from. */
export interface Origin {
  /** The endpoint that it was accepted at. */
  readonly through: string;
  /** The peer's address and port; a Unix socket has none, nor has a connection that broke at once. */
  readonly address?: string | undefined;
  readonly port?: number | undefined;
  /** Where peers are to show one. */
  readonly certificate?: Certificate | undefined;
}

/** What a peer has shown of itself: the common name of a certificate that holds, or what is wrong with it. */
export type Certificate = { readonly name: string } | { readonly flaw: string };

/** What a reader does when it is asked to. */
export interface Intake {
  /** Ends the session; later than the call, so that nothing re-enters the broker. */
  readonly dismiss: (reason: EndReason) => void;
  /** Goes on with what `hold` stopped; later than the call too. */
  readonly resume: () => void;
  /** Takes back whole lines, the last of those at work, for which there is no time or no room now. */
  readonly takeBack: (lines: Buffer) => void;
  /** Bytes that were read and wait. */
  readonly waiting: number;
  /** Nothing more will be read: what waits is not to be slowed for its rate. */
  readonly stop: () => void;
  /** Passes on a part of what waits, though the session is held. */
  readonly letIn: () => void;
}

/** The intake of a session that is not read: it does nothing. */
export const NO_INTAKE: Intake = {
  waiting: 0,
  dismiss: () => {},
  resume: () => {},
  takeBack: () => {},
  stop: () => {},
  letIn: () => {},
};

/**
 * One connection from accept to close, with the counts that are kept of it. A recipient is a session, not a
 * name: two connections that have the same name one after the other are two recipients.
 */
export class Session {
  /** The login name, set by the broker; `undefined` until a login was accepted. */
  name: string | undefined = undefined;
  /** Logins that were refused; counted by the broker. */
  refused = 0;
  /** Message lines taken from this session; counted by the broker. */
  accepted = 0;
  /** Messages that the broker made out for this session. */
  routed = 0;
  /** Of those, the ones that are out of our hands; counted by the writer. */
  delivered = 0;
  /** When what it said last was read, in ms; kept by the reader where latencies are measured. */
  readAt: number | undefined = undefined;
  /** Since when its peer takes nothing though something waits for it, in ms; kept by whoever watches that. */
  stuckSince: number | undefined = undefined;

  readonly socket: ByteStream;
  readonly #origin: Origin;
  #intake = NO_INTAKE;
  #over: Subscriber<void> | undefined;
  #holds = 0;
  #isRead = true;
  #isDeferred = false;
  /** Recipients that it is held for. Made when it is first held: most sessions never are. */
  #heldFor: Set<Session> | undefined;
  #heldSince = 0;
  #heldBefore = 0;

  constructor(socket: ByteStream, origin: Origin) {
    this.socket = socket;
    this.#origin = origin;
  }

  /** Emits when nothing more will be delivered; to one subscriber. */
  get over$(): Observable<void> {
    return new Observable((out) => {
      this.#over = out;
    });
  }

  /** Says that nothing more will be delivered. */
  conclude(): void {
    this.#over?.next();
  }

  /** The peer's address; `undefined` where the connection has none. */
  get address(): string | undefined {
    return this.#origin.address;
  }

  get certificate(): Certificate | undefined {
    return this.#origin.certificate;
  }

  /** The only name that it may take, as its certificate has it; `undefined` where peers need not show one. */
  get certified(): string | undefined {
    const { certificate } = this;
    return certificate !== undefined && 'name' in certificate ? certificate.name : undefined;
  }

  /** The peer as the log shows it. */
  get remote(): string {
    return remoteOf(this.#origin);
  }

  /** Messages accepted for this session that it did not get, or has not got yet. */
  get abandoned(): number {
    return this.routed - this.delivered;
  }

  /** Whether the peer is kept waiting: its silence says nothing then. */
  get held(): boolean {
    return this.#holds > 0 && this.#intake !== NO_INTAKE;
  }

  /** Bytes that were read from the peer and are not let in yet. */
  get waiting(): number {
    return this.#intake.waiting;
  }

  /** ms in which the peer was kept waiting. */
  get heldFor(): number {
    return this.#heldBefore + (this.held ? performance.now() - this.#heldSince : 0);
  }

  /**
   * Whether the peer cannot be blamed for taking nothing: one that writes before it reads on is kept waiting
   * itself, for somebody who goes on. Where none of those that wait for each other has taken anything for
   * `patience` ms, no one is excused, so that one of them is cut off and the others go on.
   */
  isExcused(patience: number): boolean {
    const since = performance.now() - patience;
    // What is added on the way is gone through as well.
    const chain = new Set<Session>([this]);
    for (const one of chain) {
      if (one.stuckSince === undefined || one.stuckSince > since) return true;
      one.#heldFor?.forEach((recipient) => chain.add(recipient));
    }
    return false;
  }

  /**
   * Stops reading from the peer until each `hold` has met its `release`; TCP slows the peer down.
   *
   * @param recipient for whose sake, if for somebody's
   */
  hold(recipient?: Session): void {
    if (this.#holds === 0) this.#heldSince = performance.now();
    this.#holds += 1;
    if (recipient !== undefined) (this.#heldFor ??= new Set()).add(recipient);
    if (this.#intake !== NO_INTAKE) this.socket.pause();
  }

  release(recipient?: Session): void {
    this.#holds -= 1;
    if (recipient !== undefined) this.#heldFor?.delete(recipient);
    if (this.#holds > 0 || this.#intake === NO_INTAKE) return;
    this.#heldBefore += performance.now() - this.#heldSince;
    this.#flow();
    this.#intake.resume();
  }

  /** Whether what was read waits for a later turn of the event loop: until then nothing more is read. */
  get isDeferred(): boolean {
    return this.#isDeferred;
  }

  set isDeferred(isDeferred: boolean) {
    this.#isDeferred = isDeferred;
    if (isDeferred) this.socket.pause();
    else this.#flow();
  }

  /** Gives the session its reader, as long as it is read. */
  attach(intake: Intake): void {
    this.#intake = intake;
  }

  dismiss(reason: EndReason): void {
    this.#intake.dismiss(reason);
  }

  /** Stops reading for good, but for what the process has read already. */
  stopReading(): void {
    this.#isRead = false;
    const { socket } = this;
    socket.pause();
    socket.catchUp?.();
    let left = socket.readableLength;
    while (left > 0) left -= (socket.read() as Buffer | null)?.length ?? left;
    this.#intake.stop();
  }

  /** Lets in a part of what was read, though the session is held. */
  letIn(): void {
    this.#intake.letIn();
  }

  /**
   * Gives back to its reader whole lines, the last of those that it passed on: they come again, in their
   * place.
   */
  takeBack(lines: Buffer): void {
    this.#intake.takeBack(lines);
  }

  /** Has what still comes read and thrown away: unread input would turn the close into a reset. */
  discard(): void {
    this.#heldBefore = this.heldFor;
    this.#intake = NO_INTAKE;
    discard(this.socket);
  }

  #flow(): void {
    const isOurs = this.#intake !== NO_INTAKE;
    if (isOurs && this.#isRead && !this.held && !this.#isDeferred) this.socket.resume();
  }
}

/** The address and port of a peer as one writes them; the place it came in by, where it has none. */
export function remoteOf({ address, port, through }: Origin): string {
  return address === undefined || port === undefined ? through : showAddress(address, port);
}
