/** Bytes of a page: as many as are held for undelivered, at most, if one of them is. */
const PAGE = 8192;

/** Bytes kept account of, at least. The kernel holds less of a connection: `tcp_wmem` ends at 4 MiB by default. */
const KEPT = 8 * 2 ** 20;

/**
 * What was last written to a connection, in pages of bytes with the messages on them, so that one can tell how many
 * messages the last so many bytes held.
 */
export class Ledger {
  #pages = [{ bytes: 0, messages: 0 }];
  /** On all pages. */
  #bytes = 0;

  /** @param apart on a page of its own, so that its loss takes no messages with it */
  note(bytes: number, messages: number, apart = false): void {
    this.#bytes += bytes;
    const last = this.#pages.at(-1);
    if (!apart && last !== undefined && last.bytes + bytes <= PAGE) {
      last.bytes += bytes;
      last.messages += messages;
      return;
    }
    this.#pages.push({ bytes, messages });
    if (this.#bytes > 2 * KEPT) this.#forget();
  }

  #forget(): void {
    let pages = 0;
    for (const { bytes } of this.#pages) {
      if (this.#bytes - bytes < KEPT) break;
      this.#bytes -= bytes;
      pages += 1;
    }
    this.#pages = this.#pages.slice(pages);
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
