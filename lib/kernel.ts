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

/** The connections and, of each, the bytes that its peer has not acknowledged: a column of Linux's proc(5). */
let table: { readonly read: number; readonly rows: Promise<ReadonlyMap<string, number>> } | undefined;

/**
 * Bytes written to `socket` that its peer has not acknowledged. Node sees progress only when the kernel's buffer, which
 * may be megabytes, has much room again: a peer that reads slowly but steadily looks dead for a minute.
 * `undefined` where the system has no such table, or the socket is not in it.
 */
export async function unacknowledged(socket: Duplex): Promise<number | undefined> {
  if (!(socket instanceof Socket)) return undefined;
  const { localPort, remoteAddress, remotePort } = socket;
  if (localPort === undefined || remoteAddress === undefined || remotePort === undefined) return undefined;
  const now = performance.now();
  if (table === undefined || now - table.read > FRESH) table = { read: now, rows: readTables() };
  return (await table.rows).get(keyOf(localPort, canonical(remoteAddress), remotePort));
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

async function readTables(): Promise<ReadonlyMap<string, number>> {
  const rows = new Map<string, number>();
  for (const path of ['/proc/self/net/tcp', '/proc/self/net/tcp6']) {
    const text = await readFile(path, 'latin1').catch(() => '');
    for (const line of text.split('\n').slice(1)) {
      const [, local = '', remote = '', , queues = ''] = line.trim().split(/\s+/);
      const [, localPort = ''] = local.split(':');
      const [address = '', remotePort = ''] = remote.split(':');
      const [sending = ''] = queues.split(':');
      const key = keyOf(parseInt(localPort, 16), canonical(addressOf(address)), parseInt(remotePort, 16));
      rows.set(key, parseInt(sending, 16));
    }
  }
  return rows;
}

function keyOf(localPort: number, remoteAddress: string, remotePort: number): string {
  return `${localPort} ${remoteAddress} ${remotePort}`;
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
