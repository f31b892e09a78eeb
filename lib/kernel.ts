import { readFileSync, readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/**
 * What the operating system knows of a connection and Node does not tell. Everything here is a refinement: where the
 * answer is `undefined` its users go by what Node says.
 */

/** ms that one reading of the tables serves all who ask. */
const FRESH = 200;

/** Bytes unacknowledged, by connection. */
let queues: { readonly read: number; readonly rows: Promise<ReadonlyMap<string, number>> } | undefined;

/** A row of Linux's tables of connections, see proc(5). */
const ROW = /^ *\d+: \w+:(\w+) (\w+):(\w+) \w+ (\w+):\w+ (\w+):\w+ (\w+)/gm;

interface Row {
  readonly connection: string;
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
export async function unacknowledged(socket: Duplex): Promise<number | undefined> {
  const key = connectionOf(socket);
  if (key === undefined) return undefined;
  const now = performance.now();
  if (queues === undefined || now - queues.read > FRESH) queues = { read: now, rows: readQueues() };
  return (await queues.rows).get(key);
}

/**
 * Of `sockets`, those whose peer has not answered for so long that it must be gone. TCP keepalive does not notice it
 * while something is on its way.
 */
export async function vanished<T extends { readonly socket: Duplex }>(sockets: Iterable<T>): Promise<T[]> {
  const gone = new Set<string>();
  for (const { connection, retransmissions } of await readRows()) {
    if (retransmissions >= HOPELESS) gone.add(connection);
  }
  if (gone.size === 0) return [];
  return [...sockets].filter(({ socket }) => gone.has(connectionOf(socket) ?? ''));
}

/** Files and sockets that this process may still open; `undefined` where the system does not tell. */
export function freeDescriptors(): number | undefined {
  try {
    const limit = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1];
    return limit === undefined ? undefined : Number(limit) - readdirSync('/proc/self/fd').length;
  } catch {
    return undefined;
  }
}

/** Bytes handed to `socket` that the kernel has not taken yet; libuv's count, which Node's own idle timer goes by too. */
export function untaken(socket: Duplex): number | undefined {
  const handle = (socket as { _handle?: { writeQueueSize?: unknown } })._handle;
  return typeof handle?.writeQueueSize === 'number' ? handle.writeQueueSize : undefined;
}

async function readQueues(): Promise<ReadonlyMap<string, number>> {
  return new Map((await readRows()).map((row) => [row.connection, row.unacknowledged]));
}

async function readRows(): Promise<Row[]> {
  const paths = ['/proc/self/net/tcp', '/proc/self/net/tcp6'];
  const tables = await Promise.all(paths.map((path) => readFile(path, 'latin1').catch(() => '')));
  return tables.flatMap((table) => Array.from(table.matchAll(ROW), rowOf));
}

function rowOf(match: readonly string[]): Row {
  const [, localPort = '', address = '', remotePort = '', bytes = '', timer = '', probes = ''] = match;
  return {
    connection: `${parseInt(localPort, 16)} ${canonical(addressOf(address))} ${parseInt(remotePort, 16)}`,
    unacknowledged: parseInt(bytes, 16),
    // Other timers count other things here: one of them how often a peer was asked that has no room, which is none gone.
    retransmissions: timer === '01' ? parseInt(probes, 16) : 0,
  };
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
