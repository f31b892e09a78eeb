import { type Socket, connect } from 'node:net';
import { type ConnectionOptions, connect as secure } from 'node:tls';
import { until } from './until.ts';

/** A port of this machine, with TLS if it has options for that; or the path of a Unix socket. */
export type Place = number | string | { readonly port: number; readonly tls: ConnectionOptions };

/** A client over a real socket that remembers all it was sent. */
export class Peer {
  readonly socket: Socket;
  /** Whether the server ended its side. */
  ended = false;
  closed = false;
  error: Error | undefined;
  /** This end, as the server's events name it; empty until connected. */
  address = '';
  readonly #chunks: Buffer[] = [];
  /** What the chunks say, until another comes. */
  #text: string | undefined;
  readonly #plain: Socket;
  #marks = 0;

  constructor(at: Place) {
    const where = typeof at === 'string' ? { path: at } : { port: typeof at === 'number' ? at : at.port };
    // Half-open, as netcat: that the server ended does not end this side.
    this.#plain = connect({ host: '127.0.0.1', ...where, allowHalfOpen: true, noDelay: true });
    this.socket =
      typeof at === 'object' ? secure({ host: '127.0.0.1', ...at.tls, socket: this.#plain }) : this.#plain;
    this.#plain.on(
      'connect',
      () => (this.address = `${this.#plain.localAddress ?? ''}:${this.#plain.localPort ?? ''}`),
    );
    this.socket
      .on('data', (chunk: Buffer) => {
        this.#chunks.push(chunk);
        this.#text = undefined;
      })
      .on('end', () => (this.ended = true))
      .on('close', () => (this.closed = true))
      .on('error', (error) => (this.error = error));
  }

  /** Connects and logs in; resolves when the server said welcome. */
  static async login(at: Place, name: string): Promise<Peer> {
    const peer = new Peer(at);
    peer.send(`${name}\n`);
    await peer.heard(`* welcome ${name}\n`);
    return peer;
  }

  get text(): string {
    return (this.#text ??= Buffer.concat(this.#chunks).toString());
  }

  /** What came so far, line by line. */
  get lines(): string[] {
    return this.text.split('\n').slice(0, -1);
  }

  send(text: string | Buffer): void {
    this.socket.write(text);
  }

  /** Sends bytes past TLS, where there is any. */
  sendRaw(bytes: Buffer): void {
    this.#plain.write(bytes);
  }

  /** Half-closes: says no more, and reads on. */
  end(): void {
    this.socket.end();
  }

  /** Says that it leaves; resolves, with all that came, when the server has ended its side. */
  async quit(): Promise<string> {
    this.send('/quit\n');
    return this.whole();
  }

  /** Breaks the connection with a reset. */
  reset(): void {
    this.#plain.resetAndDestroy();
  }

  /** Resolves when the server has handled all that this peer has sent; for a peer that is logged in. */
  async settled(): Promise<void> {
    const pong = `* pong settled ${(this.#marks += 1)}\n`;
    this.send(pong.replace('* pong', '/ping'));
    await this.heard(pong);
  }

  /** Resolves when `text` has come. */
  async heard(text: string, limit?: number): Promise<void> {
    await until(
      () => this.text.includes(text),
      () => `${JSON.stringify(text)}; came ${JSON.stringify(this.text.slice(-2000))}`,
      limit,
    );
  }

  /** Resolves, with all that came, when the server has ended its side. */
  async whole(limit?: number): Promise<string> {
    await until(() => this.ended || this.closed, 'the end of the stream', limit);
    return this.text;
  }
}
