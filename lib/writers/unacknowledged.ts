import { sendBufferLimit } from '../os/send-buffer.ts';

/** Bytes of a page, at least: as many as are held for undelivered, at most, if one of them is. */
const PAGE_BYTES = 8192;

/** Pages that a connection is kept account of on, about. */
const PAGES = 1024;

/** How many times what the kernel may hold is kept account of: its own figure may be exceeded a little. */
const MARGIN = 2;

/**
 * What was last written to a connection, in pages of bytes with the messages on them, so that one can tell
 * how many messages the last so many bytes held. It goes back as far as the kernel may hold bytes of a
 * connection.
 */
export class Unacknowledged {
  #pages = [{ bytes: 0, messages: 0 }];
  /** On all pages. */
  #bytes = 0;
  #messages = 0;

  /** Messages of which nobody has said yet that they have arrived. */
  get messages(): number {
    return this.#messages;
  }

  /** @param apart on a page of its own, so that its loss takes no messages with it */
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

  /** Forgets all but the last `bytes` bytes: what came before has arrived. */
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

/** Bytes kept account of, at least, and bytes of a page: the same for all, as the system's limit is. */
let bounds = { kept: MARGIN * 4 * 2 ** 20, page: PAGE_BYTES };

function boundsNow(): typeof bounds {
  const kept = MARGIN * sendBufferLimit();
  return { kept, page: Math.max(PAGE_BYTES, Math.floor(kept / PAGES)) };
}
