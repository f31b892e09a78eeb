import { NEWLINE, apart, isBlank } from '../model/bytes.ts';
import { IAC, Telnet } from './telnet.ts';

/** The first byte of a TLS handshake, and of no name. */
const TLS_HANDSHAKE = 0x16;

/** How a proxy that was told to do so begins each connection, in the second version of its protocol. */
const PROXY = Buffer.from('\r\n\r\n\0\r\nQUIT\n');

const NOTHING = Buffer.alloc(0);

/**
 * A connection up to the end of its first line: there the peer may turn out to speak another protocol, or
 * telnet's around this one.
 */
export class Opening {
  /** First bytes that may become `PROXY`; `undefined` once they cannot. */
  #start: Buffer | undefined = NOTHING;
  #telnet: Telnet | undefined;
  #begun = false;
  #over = false;
  readonly #answer: (bytes: Buffer) => void;

  /** @param answer sends bytes to the peer */
  constructor(answer: (bytes: Buffer) => void) {
    this.#answer = answer;
  }

  /** Whether the first line has ended, and all that comes is chat. */
  get isOver(): boolean {
    return this.#over;
  }

  /** What was kept back, where no more comes. */
  get rest(): Buffer {
    return this.#start ?? NOTHING;
  }

  /** What of the next bytes is chat; `undefined` where the peer speaks something else. */
  take(bytes: Buffer): Buffer | undefined {
    if (this.#start === undefined) return this.#text(bytes);
    const chunk = this.#start.length === 0 ? bytes : Buffer.concat([this.#start, bytes]);
    const head = chunk.subarray(0, PROXY.length);
    const isAlike = head.equals(PROXY.subarray(0, head.length));
    if (chunk[0] === TLS_HANDSHAKE || (isAlike && head.length === PROXY.length)) return undefined;
    this.#start = isAlike ? apart(chunk) : undefined;
    return isAlike ? NOTHING : this.#text(chunk);
  }

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
