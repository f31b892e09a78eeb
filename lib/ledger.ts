/** Bytes of a page: as many as are held for undelivered, at most, if one of them is. */
const PAGE = 8192;

/** Pages kept. The kernel holds less of a connection than all of them: `tcp_wmem` ends at 4 MiB by default. */
const PAGES = 2048;

/**
 * What was last written to a connection, in pages of bytes with the messages on them, so that one can tell how many
 * messages the last so many bytes held.
 */
export class Ledger {
  #pages: { bytes: number; messages: number }[] = [];

  note(bytes: number, messages: number): void {
    const last = this.#pages.at(-1);
    if (last !== undefined && last.bytes + bytes <= PAGE) {
      last.bytes += bytes;
      last.messages += messages;
      return;
    }
    if (this.#pages.length >= PAGES) this.#pages = this.#pages.slice(PAGES / 2);
    this.#pages.push({ bytes, messages });
  }

  /** Messages on the pages that the last `bytes` bytes reach into. */
  lastMessages(bytes: number): number {
    let left = bytes;
    let messages = 0;
    for (let index = this.#pages.length - 1; index >= 0 && left > 0; index -= 1) {
      const page = this.#pages[index];
      left -= page?.bytes ?? 0;
      messages += page?.messages ?? 0;
    }
    return messages;
  }
}
