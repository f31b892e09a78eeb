import { closeSync, existsSync, openSync, readFileSync, readdirSync } from 'node:fs';
import { devNull } from 'node:os';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/**
 * What the operating system knows of a connection and Node does not tell. Everything here is a refinement: where the
 * answer is `undefined` its users go by what Node says.
 */

/** ms that one reading of the table serves all who ask. */
const FRESH = 100;

/** Readings of the table that are looked through for one connection. */
const ATTEMPTS = 3;

let table: ReadonlyMap<string, Row> | undefined;
let latest: ReadonlyMap<string, Row> | undefined;

/** A row of Linux's tables of connections, see proc(5). */
const ROW = /^ *\d+: \w+:(\w+) (\w+):(\w+) \w+ (\w+):\w+ (\w+):\w+ (\w+)/gm;

interface Row {
  readonly unacknowledged: number;
  /** How often what is unacknowledged was sent again, in a row. */
  readonly retransmissions: number;
}

/**
 * Retransmissions without an answer, at growing distances, after which a peer is held to have vanished: about a minute
 * on a fast network. TCP itself would go on for a quarter of an hour.
 */
const HOPELESS = 8;

/**
 * Bytes written to `socket` that its peer has not acknowledged. Node sees progress only when the kernel's buffer, which
 * may be megabytes, has much room again: a peer that reads slowly but steadily looks dead for a minute.
 * `undefined` where the system has no such table, or the socket is not in it.
 */
export function unacknowledged(socket: Duplex): number | undefined {
  const connection = connectionOf(socket);
  return connection === undefined ? undefined : connections().get(connection)?.unacknowledged;
}

/**
 * The same for a last account: as it is now, not as it was a moment ago. One reading serves all who ask before anything
 * else happens; who is missing from it is looked for again, for the system may skip a row of a table that changes while it is read.
 */
export function unacknowledgedNow(socket: Duplex): number | undefined {
  const connection = connectionOf(socket);
  if (connection === undefined) return undefined;
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const row = tableNow().get(connection);
    if (row !== undefined) return row.unacknowledged;
    latest = undefined;
  }
  return undefined;
}

/**
 * Of `sessions`, those whose peer must be gone though Node has not noticed: what was sent to it goes unanswered, which
 * TCP keepalive does not look for, or its reset waits behind input that nobody reads because the session is held.
 */
export function vanished<T extends { readonly socket: Duplex; readonly held: boolean }>(
  sessions: Iterable<T>,
): T[] {
  const isGone = (rows: ReadonlyMap<string, Row>, { socket, held }: T) => {
    const connection = connectionOf(socket);
    if (connection === undefined || rows.size === 0) return false;
    const row = rows.get(connection);
    return row === undefined ? held : row.retransmissions >= HOPELESS;
  };
  const first = readTable();
  const suspects = [...sessions].filter((session) => isGone(first, session));
  if (suspects.length === 0) return [];
  // The system may skip a row of a table that changes while it is read: nobody is condemned for that.
  const second = readTable();
  return suspects.filter((session) => isGone(second, session));
}

/** As it was when it mattered last: it seldom changes while the process runs. */
let knownLimit = 0;

/** Files and sockets that this process may have open; `undefined` where the system does not tell. */
function descriptorLimit(): number | undefined {
  try {
    const limit = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1];
    return limit === undefined ? undefined : Number(limit);
  } catch {
    return undefined;
  }
}

/** Of those, the ones that it may still open; `undefined` where the system does not tell. */
export function freeDescriptors(): number | undefined {
  const limit = descriptorLimit();
  return limit === undefined ? undefined : limit - readdirSync('/proc/self/fd').length;
}

/**
 * Whether `count` descriptors, or fewer, are left. Cheaper than counting them: the system gives out the lowest that is
 * free, so that all below it are in use.
 */
export function scarce(count: number): boolean {
  try {
    const lowest = openSync(devNull, 'r');
    closeSync(lowest);
    if (lowest < knownLimit - count) return false;
    // Not known yet, or raised since.
    knownLimit = descriptorLimit() ?? Infinity;
    return lowest >= knownLimit - count;
  } catch (failure) {
    return failure instanceof Error && 'code' in failure && /^E[MN]FILE$/.test(String(failure.code));
  }
}

/**
 * Bytes handed to `socket` that the kernel has not taken yet; libuv's count, which Node's own idle timer goes by too. Over
 * TLS they are encrypted ones, and may be more than there are: they count until all that was passed on with them is taken.
 */
export function untaken(socket: Duplex): number | undefined {
  return queued((socket as Handled)._handle);
}

/**
 * A figure that changes when the peer takes something of what is on its way, as far as the system tells: where it has no
 * table, as for Unix sockets, in steps of a good part of the kernel's buffer.
 */
export function progressOf(socket: Duplex): number {
  const { _handle: handle } = socket as Handled;
  // Over TLS the connection below is the one that knows how much of its part was taken.
  const below = queued(handle?._parent) ?? 0;
  return (unacknowledged(socket) ?? 0) + (queued(handle) ?? socket.writableLength) + below;
}

/** What Node has of a socket from libuv, which it keeps to itself. */
interface Handle {
  readonly writeQueueSize?: unknown;
  readonly _parent?: Handle;
}

interface Handled {
  readonly _handle?: Handle | null;
}

function queued(handle: Handle | null | undefined): number | undefined {
  return typeof handle?.writeQueueSize === 'number' ? handle.writeQueueSize : undefined;
}

function connections(): ReadonlyMap<string, Row> {
  if (table === undefined) {
    table = readTable();
    const forget = () => {
      table = undefined;
    };
    setTimeout(forget, FRESH).unref();
  }
  return table;
}

function tableNow(): ReadonlyMap<string, Row> {
  if (latest === undefined) {
    latest = readTable();
    queueMicrotask(() => {
      latest = undefined;
    });
  }
  return latest;
}

function readTable(): ReadonlyMap<string, Row> {
  const rows = new Map<string, Row>();
  for (const path of ['/proc/self/net/tcp', '/proc/self/net/tcp6']) {
    if (!existsSync(path)) continue;
    for (const match of readFileSync(path, 'latin1').matchAll(ROW)) {
      const [, localPort = '', address = '', remotePort = '', bytes = '', timer = '', probes = ''] = match;
      rows.set(`${parseInt(localPort, 16)} ${canonical(addressOf(address))} ${parseInt(remotePort, 16)}`, {
        unacknowledged: parseInt(bytes, 16),
        // Other timers count other things here: one of them how often a peer was asked that has no room, and is there.
        retransmissions: timer === '01' ? parseInt(probes, 16) : 0,
      });
    }
  }
  return rows;
}

/** What tells a connection from all others of this machine. */
function connectionOf(socket: Duplex): string | undefined {
  if (!(socket instanceof Socket)) return undefined;
  const { localPort, remoteAddress, remotePort } = socket;
  if (localPort === undefined || remoteAddress === undefined || remotePort === undefined) return undefined;
  return `${localPort} ${canonical(remoteAddress)} ${remotePort}`;
}

/** `0100007F` as 127.0.0.1, and four such words as IPv6: each word in the machine's byte order, on Linux the little. */
function addressOf(hex: string): string {
  const bytes = (hex.match(/.{8}/g) ?? []).flatMap((word) => (word.match(/../g) ?? []).reverse());
  if (bytes.length === 4) return bytes.map((byte) => parseInt(byte, 16)).join('.');
  return (bytes.join('').match(/.{4}/g) ?? []).join(':');
}

/** One spelling for each address, and the IPv4 one for both forms that a listener on `::` may show of it. */
function canonical(address: string): string {
  const [plain = ''] = address.replace(/^::ffff:(?=\d+\.)/, '').split('%');
  if (!plain.includes(':')) return plain;
  const { hostname } = new URL(`http://[${plain}]`);
  const mapped = /^\[::ffff:(\w+):(\w+)\]$/.exec(hostname);
  if (mapped === null) return hostname;
  const [high, low] = [parseInt(mapped[1] ?? '', 16), parseInt(mapped[2] ?? '', 16)];
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}
