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
  /** Whether the embedding program vouches for the peer: it then needs no password. */
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
  /** Given where peers have to show one. */
  readonly certificate?: Certificate | undefined;
}

/** The certificate of a peer: the common name of one that holds, or what is wrong with it. */
export type Certificate = { readonly name: string } | { readonly flaw: string };

/** The reader of a session, as far as others may ask it for something. */
export interface Intake {
  /** Ends the session. That happens later than the call, so that nothing re-enters the broker. */
  readonly dismiss: (reason: EndReason) => void;
  /** Goes on with what `hold` stopped, later than the call too. */
  readonly resume: () => void;
  /** Takes back whole lines, the last of those at work. They come again, in their place. */
  readonly takeBack: (lines: Buffer) => void;
  /** Bytes that were read and wait to be let in. */
  readonly waiting: number;
  /** Hears that nothing more will be read: what waits is not slowed for its rate any more. */
  readonly stop: () => void;
  /** Lets in a part of what waits, though the session is held. */
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
 * One connection from accept to close, with its counts. A recipient is a session, not a name: two connections
 * that have the same name one after the other are two recipients.
 */
export class Session {
  /** The login name, set by the broker; `undefined` until a login was accepted. */
  name: string | undefined = undefined;
  /** Logins that were refused. The broker counts them. */
  refused = 0;
  /** Message lines that were taken from this session. The broker counts them. */
  accepted = 0;
  /** Messages that the broker delivered towards this session. */
  routed = 0;
  /** Messages that the system has taken for this session. The writer counts them. */
  delivered = 0;
  /** When its last input was read, in ms. The reader keeps it where latencies are measured. */
  readAt: number | undefined = undefined;
  /** Since when its peer takes nothing though something waits for it, in ms. The stall watch keeps it. */
  stuckSince: number | undefined = undefined;

  readonly socket: ByteStream;
  readonly #origin: Origin;
  #intake = NO_INTAKE;
  #over: Subscriber<void> | undefined;
  #holds = 0;
  #isRead = true;
  #isDeferred = false;
  /** Recipients for whose sake the session is held. The set is made when it is first held, few ever are. */
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

  /** Messages for this session that it did not get, or has not got yet. */
  get abandoned(): number {
    return this.routed - this.delivered;
  }

  /** Whether the peer is kept waiting. Its silence says nothing then. */
  get held(): boolean {
    return this.#holds > 0 && this.#intake !== NO_INTAKE;
  }

  /** Bytes that were read from the peer and wait to be let in. */
  get waiting(): number {
    return this.#intake.waiting;
  }

  /** ms for which the peer was kept waiting. */
  get heldFor(): number {
    return this.#heldBefore + (this.held ? performance.now() - this.#heldSince : 0);
  }

  /**
   * Whether the peer cannot be blamed for taking nothing. A peer that writes before it reads on may be kept
   * waiting itself, for somebody who goes on. Where none of the peers that wait for each other has taken
   * anything for `patience` ms nobody is excused, so that one of them is cut off and the others go on.
   */
  isExcused(patience: number): boolean {
    const since = performance.now() - patience;
    // The loop goes through what is added on the way as well.
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
   * @param recipient the one for whose sake it is held
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

  /** Whether input waits for a later turn of the event loop. Until then nothing more is read. */
  get isDeferred(): boolean {
    return this.#isDeferred;
  }

  set isDeferred(isDeferred: boolean) {
    this.#isDeferred = isDeferred;
    if (isDeferred) this.socket.pause();
    else this.#flow();
  }

  /** Gives the session its reader, until `discard`. */
  attach(intake: Intake): void {
    this.#intake = intake;
  }

  dismiss(reason: EndReason): void {
    this.#intake.dismiss(reason);
  }

  /** Stops reading for good. What the process has read already still comes in. */
  stopReading(): void {
    this.#isRead = false;
    const { socket } = this;
    socket.pause();
    socket.catchUp?.();
    let left = socket.readableLength;
    while (left > 0) left -= (socket.read() as Buffer | null)?.length ?? left;
    this.#intake.stop();
  }

  /** Lets in a part of what waits, though the session is held. */
  letIn(): void {
    this.#intake.letIn();
  }

  /** Gives whole lines back to the reader, the last of those that it passed on. They come again, in place. */
  takeBack(lines: Buffer): void {
    this.#intake.takeBack(lines);
  }

  /** Reads and discards what still comes: unread input would turn the close into a reset. */
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

/** The address and port of a peer as one writes them, or its endpoint where it has none. */
export function remoteOf({ address, port, through }: Origin): string {
  return address === undefined || port === undefined ? through : showAddress(address, port);
}
