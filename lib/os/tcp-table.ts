import { closeSync, openSync, readSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type Row, RowScan, keyOf } from './tcp-rows.ts';

/**
 * Linux's table of TCP connections: it knows what peers have acknowledged, which Node does not tell. A
 * reading of the table lists all connections of the machine, so that its cost grows with all of them. So one
 * reading serves all who ask. It is made in slices, with turns of the event loop between, and the next one
 * keeps a distance from it.
 *
 * On other systems, and for sockets that are not TCP or of another network namespace, nothing is known.
 * Callers then go by what Node says.
 */

/** Longest ms between two readings. A session that waits for one may hold a name. */
const MAX_DISTANCE_MS = 10_000;

/** Distance of a reading from the last one, as a multiple of the time that the last one took. */
export const DISTANCE = {
  /** For sessions that can wait: readings then take a third of a percent of the event loop's time. */
  patient: 300,
  /** For sessions that hold others up. */
  prompt: 20,
  /** For the end of the server, when there is little else to do. */
  last: 4,
} as const;

/** ms of the event loop for one slice of a reading. */
const SLICE_MS = 1;

/** Bytes of one read. Linux gives one page of this table, whatever is asked for. */
const PAGE_BYTES = 4096;

/** Readings at once in search of connections that were missing from the one before. */
const MAX_READINGS_AT_ONCE = 3;

/**
 * Retransmissions without an answer after which a peer counts as vanished. They come at growing distances: on
 * a fast network it takes about a minute. TCP itself goes on for a quarter of an hour.
 */
const HOPELESS_RETRANSMISSIONS = 8;

/** Keys of sockets. Each is computed once. */
const keys = new WeakMap<Duplex, string>();

/** Sockets that were found in the table. If one of these is missing later, its connection is gone. */
const known = new WeakSet<Duplex>();

/** One reading of the table. */
export class Reading {
  readonly #rows = new Map<string, Row>();
  /** When the reading began, in ms. */
  began = -Infinity;
  /** Keys of the connections to find; `undefined` for all. */
  #wanted: Set<string> | undefined;

  constructor(wanted?: Set<string>) {
    this.#wanted = wanted;
  }

  /** Has the reading find the connection of `socket`. */
  want(socket: Duplex): void {
    const key = keyOfSocket(socket);
    if (key !== undefined) this.#wanted?.add(key);
  }

  /** Has the reading find all connections. */
  wantAll(): void {
    this.#wanted = undefined;
  }

  /** The row of a connection; `undefined` where it was not found. */
  rowOf(socket: Duplex): Row | undefined {
    const key = keyOfSocket(socket);
    const row = key === undefined ? undefined : this.#rows.get(key);
    if (row !== undefined) known.add(socket);
    return row;
  }

  /** Whether any connection of the machine has a peer that counts as vanished. */
  get hasHopeless(): boolean {
    for (const { retransmissions } of this.#rows.values())
      if (retransmissions >= HOPELESS_RETRANSMISSIONS) return true;
    return false;
  }

  /** Makes the reading: one page with each step. */
  *steps(): Generator<void> {
    this.began = performance.now();
    yield* this.#pages('/proc/self/net/tcp');
    yield* this.#pages('/proc/self/net/tcp6');
  }

  *#pages(path: string): Generator<void> {
    let table: number | undefined;
    try {
      table = openSync(path, 'r');
      const page = Buffer.allocUnsafe(PAGE_BYTES);
      const scan = new RowScan(this.#wanted, HOPELESS_RETRANSMISSIONS, (key, row) =>
        this.#rows.set(key, row),
      );
      for (let bytes = readSync(table, page); bytes > 0; bytes = readSync(table, page)) {
        scan.add(page.subarray(0, bytes));
        yield;
      }
    } catch {
      // Other systems have no such table, and there may be no free descriptor to open it.
    } finally {
      if (table !== undefined) closeSync(table);
    }
  }
}

/** End of the last reading, in ms, and ms of the event loop that it took. */
let lastEndMs = -Infinity;
let lastCostMs = 0;

/**
 * The last reading of all connections. It is kept for a while, so that a server that ends needs one for all
 * of its sessions.
 */
let lastOfAll: Reading | undefined;
const KEPT_MS = 10_000;

/** The reading that callers share until it begins. */
let next: Appointment | undefined;

/** A reading of all connections that has begun and not ended. */
let underWay: Pick<Appointment, 'reading' | 'done'> | undefined;

/**
 * Resolves with the next reading that begins after the call. It has the rows of `sockets`.
 *
 * @param distance one of `DISTANCE`; the shortest one of all callers that share a reading counts
 * @param since in ms: a reading of all connections that is under way, and began after this, will do
 */
export function look(sockets: Iterable<Duplex>, distance: number, since = Infinity): Promise<Reading> {
  if (underWay !== undefined && underWay.reading.began > since) return underWay.done;
  next ??= new Appointment();
  for (const socket of sockets) next.reading.want(socket);
  next.notLaterThan(distance);
  return next.done;
}

/**
 * Whether the last reading of all connections began after `since`, in ms, and shows that the peer has
 * acknowledged all.
 */
export function hasArrived(socket: Duplex, since: number): boolean {
  return lastOfAll !== undefined && lastOfAll.began > since && lastOfAll.rowOf(socket)?.unacknowledged === 0;
}

/** A reading that waits for its time to begin. */
class Appointment {
  readonly reading = new Reading(new Set());
  readonly done: Promise<Reading>;
  #wait: NodeJS.Timeout | undefined;
  #distance = Infinity;
  #resolve: (reading: Reading) => void = () => {};

  constructor() {
    this.done = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  /** Lowers the distance. Callers of one turn of the event loop share the reading, however short that is. */
  notLaterThan(distance: number): void {
    if (distance >= this.#distance) return;
    this.#distance = distance;
    if (distance === DISTANCE.last) this.reading.wantAll();
    clearTimeout(this.#wait);
    const begin = () => {
      next = undefined;
      if (this.#distance === DISTANCE.last) underWay = { reading: this.reading, done: this.done };
      this.#read(this.reading.steps(), 0);
    };
    const wait = Math.min(distance * lastCostMs, MAX_DISTANCE_MS);
    this.#wait = setTimeout(begin, Math.max(0, lastEndMs + wait - performance.now())).unref();
  }

  #read(steps: Generator<void>, before: number): void {
    const { isOver, spent } = slice(steps, SLICE_MS);
    if (isOver) {
      noteCost(before + spent);
      if (underWay?.reading === this.reading) {
        underWay = undefined;
        keep(this.reading);
      }
      this.#resolve(this.reading);
    } else {
      setImmediate(() => {
        this.#read(steps, before + spent);
      });
    }
  }
}

/** Takes steps for `ms`, or until there are no more. */
function slice(steps: Generator<void>, ms: number): { readonly isOver: boolean; readonly spent: number } {
  const began = performance.now();
  let isOver = false;
  let spent = 0;
  while (!isOver && spent < ms) {
    isOver = steps.next().done === true;
    spent = performance.now() - began;
  }
  return { isOver, spent };
}

function keep(reading: Reading): void {
  lastOfAll = reading;
  setTimeout(() => {
    if (lastOfAll === reading) lastOfAll = undefined;
  }, KEPT_MS).unref();
}

function noteCost(ms: number): void {
  lastCostMs = ms;
  lastEndMs = performance.now();
}

/** The reading of the callers in this turn that cannot wait, and how many readings it took. */
let current: Reading | undefined;
let readings = 0;

/**
 * Bytes that the peer has not acknowledged at this moment; `undefined` where the system does not tell. One
 * reading serves all callers until the next microtask. A connection that is missing is looked for again, a
 * few times for all callers together: the system may skip rows of a table that changes while it is read.
 */
export function unacknowledgedNow(socket: Duplex): number | undefined {
  if (keyOfSocket(socket) === undefined) return undefined;
  while (current?.rowOf(socket) === undefined && readings < MAX_READINGS_AT_ONCE) {
    if (readings === 0) queueMicrotask(forget);
    readings += 1;
    current = new Reading();
    noteCost(slice(current.steps(), Infinity).spent);
  }
  return current?.rowOf(socket)?.unacknowledged;
}

function forget(): void {
  current = undefined;
  readings = 0;
}

/**
 * The sessions whose peer has vanished though Node has not noticed. Either what was sent to the peer goes
 * unanswered, which TCP keepalive does not look for. Or the reset of the peer waits behind input that is not
 * read, because the session is held.
 *
 * @param distance one of `DISTANCE`
 */
export async function vanished<T extends { readonly socket: Duplex; readonly held: boolean }>(
  sessions: Iterable<T>,
  distance: number = DISTANCE.patient,
): Promise<T[]> {
  const all = [...sessions];
  const held = new Set(all.filter((session) => session.held));
  const isGone = (reading: Reading, session: T) => {
    const { socket } = session;
    const row = reading.rowOf(socket);
    if (row !== undefined) return row.retransmissions >= HOPELESS_RETRANSMISSIONS;
    return held.has(session) && known.has(socket);
  };
  const first = await look(
    [...held].map(({ socket }) => socket),
    distance,
  );
  const suspects = (first.hasHopeless ? all : [...held]).filter((session) => isGone(first, session));
  if (suspects.length === 0) return [];
  // The system may skip a row of a table that changes while it is read, so a second reading must agree.
  const second = await look(
    suspects.map(({ socket }) => socket),
    distance,
  );
  return suspects.filter((session) => isGone(second, session) && (session.held || !held.has(session)));
}

/** The key of a TCP connection; `undefined` for any other stream. */
function keyOfSocket(socket: Duplex): string | undefined {
  if (!(socket instanceof Socket) || socket.destroyed) return undefined;
  const before = keys.get(socket);
  if (before !== undefined) return before;
  const { localAddress, localPort, remoteAddress, remotePort } = socket;
  if (localAddress === undefined || localPort === undefined) return undefined;
  if (remoteAddress === undefined || remotePort === undefined) return undefined;
  const key = keyOf({ localAddress, localPort, remoteAddress, remotePort });
  keys.set(socket, key);
  return key;
}
