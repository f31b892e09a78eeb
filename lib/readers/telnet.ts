/** What a telnet program says beside the text begins with this byte, see RFC 854. No byte of UTF-8 is it. */
export const IAC = 0xff;

const DONT = 0xfe;
const WONT = 0xfc;
const WILL = 0xfb;
const SUBNEGOTIATION = 0xfa;
const END = 0xf0;

/** Offers and requests that one connection is answered: a program has a dozen. */
const MOST = 64;

/**
 * Tells telnet's commands from the text among them, byte by byte. Each offer and request is declined, as the
 * program may wait for that: this is a chat in plain text.
 */
export class Telnet {
  #state: 'text' | 'command' | 'option' | 'parameters' | 'end of parameters' = 'text';
  #verb = 0;
  #answered = 0;
  readonly #answer: (bytes: Buffer) => void;

  /** @param answer sends bytes to the program */
  constructor(answer: (bytes: Buffer) => void) {
    this.#answer = answer;
  }

  /** Whether the next byte is one of the text. */
  isText(byte: number): boolean {
    switch (this.#state) {
      case 'text':
        if (byte !== IAC) return true;
        this.#state = 'command';
        return false;
      case 'command':
        this.#verb = byte;
        if (byte === SUBNEGOTIATION) this.#state = 'parameters';
        else this.#state = byte >= WILL && byte <= DONT ? 'option' : 'text';
        // Twice it is a byte of the text.
        return byte === IAC;
      case 'option':
        this.#decline(byte);
        this.#state = 'text';
        return false;
      case 'parameters':
        if (byte === IAC) this.#state = 'end of parameters';
        return false;
      case 'end of parameters':
        this.#state = byte === END ? 'text' : 'parameters';
        return false;
    }
  }

  #decline(option: number): void {
    // Those two are no questions.
    if (this.#verb === DONT || this.#verb === WONT || this.#answered === MOST) return;
    this.#answered += 1;
    this.#answer(Buffer.of(IAC, this.#verb === WILL ? DONT : WONT, option));
  }
}
