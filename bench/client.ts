import { type Socket, connect } from 'node:net';
import { connect as secure } from 'node:tls';
import type { Stream } from './stream.ts';
import type { Login, Wire } from './wire.ts';

/** All sockets read into this: what arrived is judged before the next one reads. */
const INPUT = Buffer.allocUnsafeSlow(1 << 18);

export interface Listeners {
  /** Messages from number `first` up to, not including, number `end` have arrived. */
  readonly received: (first: number, end: number) => void;
  /** Something arrived that must not, or the connection ended. */
  readonly fault: (what: string) => void;
}

/** One connection: logs in, then compares every byte that it is sent with what must come. */
export class Client {
  readonly socket: Socket;
  /** The same, or what is below it. */
  readonly #plain: Socket;
  readonly inbox: Stream;
  readonly #name: string;
  readonly #interjection: Wire['interjection'];
  readonly #listeners: Listeners;
  /** What was answered to the login so far; `undefined` when all was. */
  #greeting: string | undefined = '';
  #interjected = 0;
  #login: { readonly ready: string; readonly resolve: () => void } | undefined;

  constructor(
    port: number,
    name: string,
    inbox: Stream,
    { interjection, secure: isSecure }: Pick<Wire, 'interjection' | 'secure'>,
    listeners: Listeners,
  ) {
    this.inbox = inbox;
    this.#name = name;
    this.#interjection = interjection;
    this.#listeners = listeners;
    const callback = (length: number) => {
      this.#read(length);
      return true;
    };
    const place = { port, host: '127.0.0.1', noDelay: true };
    if (isSecure === true) {
      this.#plain = connect(place);
      // The certificate is not what is measured. What was decrypted comes in buffers of its own.
      this.socket = secure({ socket: this.#plain, rejectUnauthorized: false });
      this.socket.on('data', (chunk: Buffer) => {
        this.#read(chunk.copy(INPUT));
      });
    } else {
      this.#plain = this.socket = connect({ ...place, onread: { buffer: INPUT, callback } });
    }
    this.socket.on('error', () => {});
    this.socket.on('close', () => {
      const answer =
        this.#greeting === undefined ? '' : ` in the login, after ${JSON.stringify(this.#greeting)}`;
      this.#fault(`the connection ended${answer}`);
    });
  }

  async login({ write, ready }: Login): Promise<void> {
    return new Promise((resolve) => {
      this.#login = { ready, resolve };
      this.socket.write(write, 'latin1');
    });
  }

  /** Resets: what closes in good order leaves its port unusable for a minute, and 10,000 of them use all ports up. */
  leave(): void {
    this.socket.removeAllListeners('close');
    this.#plain.resetAndDestroy();
  }

  #read(length: number): void {
    if (this.#greeting !== undefined) {
      this.#greet(INPUT.toString('latin1', 0, length));
      return;
    }
    const first = this.inbox.messages;
    let at = 0;
    while (at < length) {
      if (this.#interjected === 0) at += this.inbox.match(INPUT, at, length);
      if (at === length) break;
      if (!this.#interject(INPUT[at])) {
        const got = JSON.stringify(INPUT.toString('latin1', at, Math.min(at + 80, length)));
        this.#fault(`message ${this.inbox.messages}: expected ${this.inbox.peek()}, got ${got}`);
        return;
      }
      at += 1;
    }
    const end = this.inbox.messages;
    if (end > first) this.#listeners.received(first, end);
  }

  #greet(text: string): void {
    this.#greeting = (this.#greeting ?? '') + text;
    if (this.#login === undefined || !this.#greeting.endsWith(this.#login.ready)) return;
    this.#greeting = undefined;
    this.#login.resolve();
  }

  /** Whether `byte` is the next one of what may come between messages. */
  #interject(byte: number | undefined): boolean {
    if (this.#interjection === undefined || !this.inbox.atBoundary) return false;
    const { heard, reply } = this.#interjection;
    if (byte !== heard.charCodeAt(this.#interjected)) return false;
    this.#interjected = (this.#interjected + 1) % heard.length;
    if (this.#interjected === 0) this.socket.write(reply, 'latin1');
    return true;
  }

  #fault(what: string): void {
    this.leave();
    this.#listeners.fault(`${this.#name}: ${what}`);
  }
}
