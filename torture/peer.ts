import { type Socket, connect } from 'node:net';
import { connect as secure } from 'node:tls';
import { until } from '../spec/support/until.ts';
import { type Hearing, Transcript } from './transcript.ts';

export interface Habits {
  /** Reads one chunk in so many ms. */
  readonly readEvery?: number;
  /** Stops reading for good after the login. */
  readonly neverReads?: boolean;
  /** Types a line in so many ms, also after the server has closed its side. */
  readonly typesEvery?: number;
  /** Leaves its side open when the server has closed its own. */
  readonly neverHangsUp?: boolean;
  /** Its own address, if it is not to be any. */
  readonly address?: string;
}

/** Where the server is, and whose word is taken for that if it is reached with TLS. */
export interface Place {
  readonly port: number;
  readonly ca: Buffer | undefined;
}

/** Lines in one write of a flood. */
const BURST = 200;

/**
 * A peer over a real socket that floods its targets with numbered lines, in turn, and checks what it is sent.
 */
export class Peer {
  readonly name: string;
  readonly transcript: Transcript;
  ended = false;
  closed = false;
  /** Its own, as long as it has been connected. */
  port: number | undefined;
  readonly #socket: Socket;
  /** The same, or what is below it. */
  readonly #plain: Socket;
  readonly #habits: Habits;
  #written = 0;
  #lastWrite = 0;
  #reading: NodeJS.Timeout | undefined;
  #typing: NodeJS.Timeout | undefined;

  constructor({ port, ca }: Place, name: string, habits: Habits = {}, hearing: Hearing = {}) {
    this.name = name;
    this.transcript = new Transcript(hearing);
    this.#habits = habits;
    const { address } = habits;
    const from = address === undefined ? {} : { localAddress: address };
    const plain = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true, ...from });
    plain.once('connect', () => (this.port = plain.localPort));
    const socket = ca === undefined ? plain : secure({ socket: plain, host: '127.0.0.1', ca });
    this.#plain = plain;
    this.#socket = socket;
    socket
      .on('data', (chunk: Buffer) => {
        this.transcript.add(chunk.toString('latin1'));
        if (habits.readEvery !== undefined && this.transcript.welcome) socket.pause();
        if (habits.neverReads === true && this.transcript.welcome) socket.pause();
      })
      .on('end', () => {
        this.ended = true;
        if (habits.neverHangsUp !== true) this.hangUp();
      })
      .on('error', () => {})
      .on('close', () => {
        this.closed = true;
        this.#rest();
      });
  }

  async login(): Promise<void> {
    this.#socket.write(`${this.name}\n`);
    await until(() => this.transcript.welcome || this.closed, `the login of ${this.name}`);
    const { readEvery, typesEvery } = this.#habits;
    if (readEvery !== undefined) {
      this.#reading = setInterval(() => {
        this.#socket.resume();
      }, readEvery);
    }
    if (typesEvery !== undefined) {
      this.#typing = setInterval(() => {
        this.type('/ping\n');
      }, typesEvery);
    }
  }

  type(text: string): void {
    if (this.#socket.writable) this.#socket.write(text);
  }

  /**
   * Writes numbered lines to `targets` in turn, as fast as the server takes them, until the connection ends.
   */
  flood(targets: readonly string[], lines = Infinity): void {
    this.pour(() => {
      let text = '';
      for (let line = 0; line < BURST && this.#written < lines; line += 1) {
        const round = Math.floor(this.#written / targets.length) + 1;
        text += `${targets[this.#written % targets.length] ?? ''}: ${round}\n`;
        this.#written += 1;
      }
      return text;
    });
  }

  /**
   * Writes what `more` returns, as fast as the server takes it, until that is nothing or the connection ends.
   */
  pour(more: () => string): void {
    const pour = () => {
      if (!this.#socket.writable) return;
      const text = more();
      if (text === '') return;
      this.#lastWrite = performance.now();
      // A turn of the loop in between, so that a flood leaves room to receive.
      if (this.#socket.write(text, 'latin1')) setImmediate(pour);
      else this.#socket.once('drain', pour);
    };
    pour();
  }

  /** ms for which the server has taken nothing more of the flood. */
  get stalled(): number {
    return performance.now() - this.#lastWrite;
  }

  /** Reads nothing until it is to read on. */
  stopReading(): void {
    this.#rest();
    this.#socket.removeAllListeners('data').pause();
  }

  /** Reads again, whatever its habits. */
  readOn(): void {
    this.#rest();
    this.#socket.removeAllListeners('data').on('data', (chunk: Buffer) => {
      this.transcript.add(chunk.toString('latin1'));
    });
    this.#socket.resume();
  }

  stopTyping(): void {
    clearInterval(this.#typing);
  }

  hangUp(): void {
    this.#rest();
    this.#socket.end();
  }

  reset(): void {
    this.#plain.resetAndDestroy();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #rest(): void {
    clearInterval(this.#reading);
    this.stopTyping();
  }
}
