import type { Duplex } from 'node:stream';
import type { EndReason } from './protocol.ts';

/**
 * One connection from accept to close, with the counts that are kept of it. A recipient is a session, not a name: two
 * connections that have the same name one after the other are two recipients.
 */
export class Session {
  /** The login name, set by the broker; `undefined` until a login was accepted. */
  name: string | undefined = undefined;
  /** What stands before the text of each message from here, as one-byte text; set by the broker with the name. */
  prefix = '';
  /** Message lines taken from this session; counted by the broker. */
  accepted = 0;
  /** Messages that the broker made out for this session. */
  routed = 0;
  /** Of those, the ones that the operating system has taken whole; counted by the writer. */
  delivered = 0;

  /** Asks the reader to end this session; later than the call, so that nothing re-enters the broker. */
  dismiss: (reason: EndReason) => void = () => {};

  readonly socket: Duplex;
  /** The peer's address and port, as the log shows them. */
  readonly remote: string;
  #holds = 0;
  #discarding = false;

  constructor(socket: Duplex, remote: string) {
    this.socket = socket;
    this.remote = remote;
  }

  /** The address alone. */
  get address(): string {
    return this.remote.slice(0, this.remote.lastIndexOf(':'));
  }

  /** Messages accepted for this session that it did not get, or has not got yet. */
  get abandoned(): number {
    return this.routed - this.delivered;
  }

  /** Whether the peer is kept waiting: its silence says nothing then. */
  get held(): boolean {
    return this.#holds > 0;
  }

  /** Stops reading from the peer until each `hold` has met its `release`; TCP slows the peer down. */
  hold(): void {
    this.#holds += 1;
    if (!this.#discarding) this.socket.pause();
  }

  release(): void {
    this.#holds -= 1;
    if (this.#holds === 0) this.socket.resume();
  }

  /** Passes on what the process has already read, and `hold` stopped on its way. */
  readOn(): void {
    while (this.socket.read() !== null);
  }

  /** Has what still comes read and thrown away: unread input would turn the close into a reset. */
  discard(): void {
    this.#discarding = true;
    this.socket.resume();
  }
}
