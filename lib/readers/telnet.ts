/** First byte of a telnet command, see RFC 854. It never occurs in UTF-8. */
export const IAC = 0xff;

const DONT = 0xfe;
const WONT = 0xfc;
const WILL = 0xfb;
const SUBNEGOTIATION = 0xfa;
const END = 0xf0;

/** Offers and requests of one connection that are answered. A program makes about a dozen. */
const MAX_ANSWERS = 64;

/**
 * Separates telnet commands from the text, byte by byte. Each offer and request is declined, because the
 * program may wait for an answer.
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

  /** Takes the next byte. Returns whether it belongs to the text. */
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
        // IAC twice stands for one such byte of the text.
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
    // DONT and WONT need no answer.
    if (this.#verb === DONT || this.#verb === WONT || this.#answered === MAX_ANSWERS) return;
    this.#answered += 1;
    this.#answer(Buffer.of(IAC, this.#verb === WILL ? DONT : WONT, option));
  }
}
