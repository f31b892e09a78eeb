import { NEWLINE, apart, isBlank } from '../model/bytes.ts';
import { IAC, Telnet } from './telnet.ts';

/** The first byte of a TLS handshake. No name begins with it. */
const TLS_HANDSHAKE = 0x16;

/** First bytes of the PROXY protocol, version 2: a proxy may be set up to send it before a connection. */
const PROXY = Buffer.from('\r\n\r\n\0\r\nQUIT\n');

const NOTHING = Buffer.alloc(0);

/**
 * The input of a connection up to the end of its first line. There the peer may turn out to speak another
 * protocol, or telnet around this one.
 */
export class Opening {
  /** First bytes that may be the beginning of `PROXY`; `undefined` once they cannot. */
  #start: Buffer | undefined = NOTHING;
  #telnet: Telnet | undefined;
  /** Whether the first line that is not empty has begun. */
  #begun = false;
  #over = false;
  readonly #answer: (bytes: Buffer) => void;

  /** @param answer sends bytes to the peer */
  constructor(answer: (bytes: Buffer) => void) {
    this.#answer = answer;
  }

  /** Whether the first line has ended. All later input is chat. */
  get isOver(): boolean {
    return this.#over;
  }

  /** Bytes that were kept back, for the end of the input. */
  get rest(): Buffer {
    return this.#start ?? NOTHING;
  }

  /** The part of the next bytes that is chat; `undefined` where the peer speaks another protocol. */
  take(bytes: Buffer): Buffer | undefined {
    if (this.#start === undefined) return this.#text(bytes);
    const chunk = this.#start.length === 0 ? bytes : Buffer.concat([this.#start, bytes]);
    const head = chunk.subarray(0, PROXY.length);
    const isAlike = head.equals(PROXY.subarray(0, head.length));
    if (chunk[0] === TLS_HANDSHAKE || (isAlike && head.length === PROXY.length)) return undefined;
    this.#start = isAlike ? apart(chunk) : undefined;
    return isAlike ? NOTHING : this.#text(chunk);
  }

  /** The bytes without what telnet adds. */
  #text(chunk: Buffer): Buffer {
    if (chunk.includes(IAC)) this.#telnet ??= new Telnet(this.#answer);
    const telnet = this.#telnet;
    if (telnet === undefined) {
      this.#pass(chunk);
      return chunk;
    }
    const text: number[] = [];
    for (let at = 0; at < chunk.length; at += 1) {
      const byte = chunk[at] ?? 0;
      if (!telnet.isText(byte)) continue;
      text.push(byte);
      if (this.#begun && byte === NEWLINE) this.#over = true;
      this.#begun ||= byte !== NEWLINE && !isBlank(byte);
      if (this.#over) return Buffer.concat([Buffer.from(text), chunk.subarray(at + 1)]);
    }
    return Buffer.from(text);
  }

  /** Looks for the end of the first line that is not empty. */
  #pass(text: Buffer): void {
    let at = 0;
    while (!this.#begun && at < text.length) {
      const byte = text[at];
      this.#begun = byte !== NEWLINE && !isBlank(byte);
      at += 1;
    }
    if (this.#begun && text.includes(NEWLINE, at)) this.#over = true;
  }
}
