import { sendBufferLimit } from '../os/send-buffer.ts';

/** Least bytes of a page. If one byte of a page is lost, all messages on it count as lost. */
const PAGE_BYTES = 8192;

/** Pages of one connection, about. */
const MAX_PAGES = 1024;

/** Multiple of the bytes that the kernel may hold. It may exceed its own figure a little. */
const MARGIN = 2;

/**
 * Counts the messages among the last bytes written to a connection. Bytes are counted in pages, each with its
 * number of messages. The count goes back as far as the kernel may hold bytes of a connection.
 */
export class Unacknowledged {
  #pages = [{ bytes: 0, messages: 0 }];
  /** Bytes on all pages. */
  #bytes = 0;
  /** Messages on all pages. */
  #messages = 0;

  /** Messages that may not have arrived. */
  get messages(): number {
    return this.#messages;
  }

  /**
   * Counts a write.
   *
   * @param apart whether it has a page of its own, so that its loss takes no messages with it
   */
  note(bytes: number, messages: number, apart = false): void {
    this.#bytes += bytes;
    this.#messages += messages;
    const last = this.#pages.at(-1);
    if (!apart && last !== undefined && last.bytes + bytes <= bounds.page) {
      last.bytes += bytes;
      last.messages += messages;
      return;
    }
    this.#pages.push({ bytes, messages });
    if (this.#bytes <= 2 * bounds.kept) return;
    bounds = boundsNow();
    this.keep(bounds.kept);
  }

  /** Forgets all but the last `bytes` bytes. Earlier ones have arrived. */
  keep(bytes: number): void {
    let forgotten = 0;
    for (const page of this.#pages) {
      if (this.#bytes - page.bytes < bytes) break;
      this.#bytes -= page.bytes;
      this.#messages -= page.messages;
      forgotten += 1;
    }
    this.#pages.splice(0, forgotten);
  }

  /** Messages on the pages that hold the last `bytes` bytes. */
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

/** Least bytes that are counted, and bytes of a page. They are the same for all, as the system's limit is. */
let bounds = { kept: MARGIN * 4 * 2 ** 20, page: PAGE_BYTES };

function boundsNow(): typeof bounds {
  const kept = MARGIN * sendBufferLimit();
  return { kept, page: Math.max(PAGE_BYTES, Math.floor(kept / MAX_PAGES)) };
}
