import { isIPv4 } from 'node:net';

/** Reads the text of /proc/net/tcp and /proc/net/tcp6, see proc(5): one row for each connection. */

/** The state of one connection, as the system knows it. */
export interface Row {
  /** Bytes in the kernel or on their way that the peer's system has not acknowledged. */
  readonly unacknowledged: number;
  /** How often the unacknowledged bytes were sent again, in a row. */
  readonly retransmissions: number;
}

/** The two ends of a connection, as Node shows them. */
export interface Ends {
  readonly localAddress: string;
  readonly localPort: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
}

const NEWLINE = 0x0a;
const COLON = 0x3a;

/** Characters of a row's two ends, `0100007F:1F90 0100007F:D431`, for IPv4 and for IPv6. */
const ENDS_V4 = 27;
const ENDS_V6 = 75;

/**
 * Begin and length of fields, counted from behind the two ends: `01 00000000:00000000 00:00000000 00000000`.
 */
const SENT = { at: 4, length: 8 };
const TIMER = { at: 22, length: 2 };
const PROBES = { at: 34, length: 8 };

/**
 * The kind of timer that counts retransmissions. Other timers count other things in the same field: one of
 * them the probes of a peer that answers, but has no room.
 */
const RETRANSMITTING = '01';

/** Prefix of an IPv4 address, as a listener of IPv6 shows it. */
const MAPPED = /^::ffff:(?=\d+\.)/i;

/** Finds rows in the text of a table, chunk by chunk. */
export class RowScan {
  readonly #wanted: ReadonlySet<string> | undefined;
  readonly #hopeless: number;
  readonly #found: (key: string, row: Row) => void;
  #rest: Buffer | undefined;

  /**
   * @param wanted keys of the rows to find, see `keyOf`; `undefined` for all
   * @param hopeless retransmissions from which on any other row is found too
   * @param found hears of each row that is found
   */
  constructor(
    wanted: ReadonlySet<string> | undefined,
    hopeless: number,
    found: (key: string, row: Row) => void,
  ) {
    this.#wanted = wanted;
    this.#hopeless = hopeless;
    this.#found = found;
  }

  /** Takes the next chunk. It keeps nothing of it but a copy of the unfinished row. */
  add(chunk: Buffer): void {
    const text = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk]);
    let from = 0;
    for (let end = text.indexOf(NEWLINE); end >= 0; end = text.indexOf(NEWLINE, from)) {
      this.#look(text, from, end);
      from = end + 1;
    }
    // The caller reads the next page into the same Buffer.
    this.#rest = from < text.length ? Buffer.from(text.subarray(from)) : undefined;
  }

  /** Looks at one row. A number and a colon stand before its ends; the head of the table has no colon. */
  #look(text: Buffer, from: number, end: number): void {
    const at = text.indexOf(COLON, from) + 2;
    if (at < 2 || at + ENDS_V4 > end) return;
    const length = text[at + 8] === COLON ? ENDS_V4 : ENDS_V6;
    const behind = at + length;
    const key = text.toString('latin1', at, behind);
    const field = (name: { at: number; length: number }) =>
      text.toString('latin1', behind + name.at, behind + name.at + name.length);
    const isRetransmitting = field(TIMER) === RETRANSMITTING;
    const retransmissions = isRetransmitting ? parseInt(field(PROBES), 16) : 0;
    if (this.#wanted?.has(key) === false && retransmissions < this.#hopeless) return;
    this.#found(key, { unacknowledged: parseInt(field(SENT), 16), retransmissions });
  }
}

/** The key of a connection: its two ends, as its row has them. */
export function keyOf({ localAddress, localPort, remoteAddress, remotePort }: Ends): string {
  return `${hexOf(localAddress)}:${portOf(localPort)} ${hexOf(remoteAddress)}:${portOf(remotePort)}`;
}

function portOf(port: number): string {
  return port.toString(16).toUpperCase().padStart(4, '0');
}

/**
 * An address as a row has it: `127.0.0.1` is 0100007F, and IPv6 has four such words. Each word is in the byte
 * order of the machine; little-endian is assumed.
 */
function hexOf(address: string): string {
  return bytesOf(address)
    .reduce<string[]>((words, byte, index) => {
      const hex = byte.toString(16).toUpperCase().padStart(2, '0');
      words[index >> 2] = hex + (words[index >> 2] ?? '');
      return words;
    }, [])
    .join('');
}

function bytesOf(address: string): number[] {
  if (isIPv4(address)) return address.split('.').map(Number);
  if (MAPPED.test(address)) {
    return [...Array<number>(10).fill(0), 255, 255, ...bytesOf(address.replace(MAPPED, ''))];
  }
  // A zone is no part of the address: it names an interface of this machine.
  const [plain = ''] = address.split('%');
  const [head = '', tail] = plain.split('::');
  const groups = (text: string) => (text === '' ? [] : text.split(':').map((group) => parseInt(group, 16)));
  const [left, right] = [groups(head), groups(tail ?? '')];
  const zeros = Array<number>(Math.max(0, 8 - left.length - right.length)).fill(0);
  return [...left, ...zeros, ...right].flatMap((group) => [group >> 8, group & 255]);
}
