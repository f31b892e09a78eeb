import { type Socket, connect } from 'node:net';
import { connect as secure } from 'node:tls';
import type { Stream } from './stream.ts';
import type { Interjection, Login, Wire } from './wire.ts';

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
  readonly #interjections: readonly Interjection[];
  readonly #listeners: Listeners;
  /** What was answered to the login so far; `undefined` when all was. */
  #greeting: string | undefined = '';
  /** How an interjection that is under way began, and the byte that ends it once its beginning is whole. */
  #heard = '';
  #until: number | undefined;
  #login: { readonly ready: string; readonly resolve: () => void } | undefined;

  constructor(
    port: number,
    name: string,
    inbox: Stream,
    { interjections = [], secure: isSecure }: Pick<Wire, 'interjections' | 'secure'>,
    listeners: Listeners,
  ) {
    this.inbox = inbox;
    this.#name = name;
    this.#interjections = interjections;
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

  /**
   * Resets: what closes in good order leaves its port unusable for a minute, and 10,000 of them use all ports
   * up.
   */
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
      if (this.#heard === '') at += this.inbox.match(INPUT, at, length);
      if (at === length) break;
      if (!this.#interject(INPUT[at] ?? NaN)) {
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

  /** Whether `byte` is the next one of what may come besides messages. */
  #interject(byte: number): boolean {
    if (this.#until !== undefined) {
      if (byte === this.#until) this.#end();
      return true;
    }
    const heard = this.#heard + String.fromCharCode(byte);
    const inside = this.#heard === '' && !this.inbox.atBoundary;
    const found = this.#interjections.find(
      (other) => other.heard.startsWith(heard) && (!inside || other.anywhere === true),
    );
    if (found === undefined) return false;
    this.#heard = heard;
    if (heard.length < found.heard.length) return true;
    if (found.reply !== undefined) this.socket.write(found.reply, 'latin1');
    if (found.until === undefined) this.#end();
    else this.#until = found.until.charCodeAt(0);
    return true;
  }

  #end(): void {
    this.#heard = '';
    this.#until = undefined;
  }

  #fault(what: string): void {
    this.leave();
    this.#listeners.fault(`${this.#name}: ${what}`);
  }
}
