import { closeSync, openSync, readSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type Row, RowScan, keyOf } from './tcp-rows.ts';

/**
 * What Linux knows of TCP connections and Node does not tell. A reading of its table lists all connections of
 * the machine: its cost grows with all of them, and not with those that are asked about. So one reading
 * serves all who ask, in slices with turns of the event loop between, and the next one keeps a distance from
 * it.
 *
 * All of it is a refinement: elsewhere than on Linux, and for what is no TCP socket of this process's
 * network, nothing is known, and its users go by what Node says.
 */

/** ms that a reading keeps its distance, at most: who waits for it may hold a name. */
const MOST_DISTANCE_MS = 10_000;

/** How long a reading keeps its distance from the last one, as so many times what that one took. */
export const DISTANCE = {
  /** For who can wait: readings then take a third of a percent of the loop's time. */
  patient: 300,
  /** For who holds others up. */
  prompt: 20,
  /** Where the server is about to end, and nothing else is to be done. */
  last: 4,
} as const;

/** ms that a slice of a reading may take. */
const SLICE_MS = 1;

/** Bytes read at a time; Linux hands out a page of this table, whatever is asked for. */
const PAGE_BYTES = 4096;

/** Readings at once that are made for connections that were missing from one. */
const ATTEMPTS = 3;

/**
 * Retransmissions without an answer, at growing distances, after which a peer is held to have vanished: about
 * a minute on a fast network. TCP itself would go on for a quarter of an hour.
 */
const HOPELESS = 8;

/** Keys of sockets, kept for as long as they are asked about. */
const keys = new WeakMap<Duplex, string>();

/** Sockets that were found in the table: only of them it says something that they are in it no more. */
const known = new WeakSet<Duplex>();

/** One reading of the table. */
export class Reading {
  readonly #rows = new Map<string, Row>();
  /** When it began, in ms. */
  began = -Infinity;
  /** The connections that it is for; `undefined` for all. */
  #wanted: Set<string> | undefined;

  constructor(wanted?: Set<string>) {
    this.#wanted = wanted;
  }

  want(socket: Duplex): void {
    const key = keyOfSocket(socket);
    if (key !== undefined) this.#wanted?.add(key);
  }

  wantAll(): void {
    this.#wanted = undefined;
  }

  /** What is known of the connection; `undefined` where it is not in the table. */
  rowOf(socket: Duplex): Row | undefined {
    const key = keyOfSocket(socket);
    const row = key === undefined ? undefined : this.#rows.get(key);
    if (row !== undefined) known.add(socket);
    return row;
  }

  /** Whether what was sent over any connection of the machine goes unanswered for too long. */
  get hasHopeless(): boolean {
    for (const { retransmissions } of this.#rows.values()) if (retransmissions >= HOPELESS) return true;
    return false;
  }

  /** Reads a page with each step. */
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
      const scan = new RowScan(this.#wanted, HOPELESS, (key, row) => this.#rows.set(key, row));
      for (let bytes = readSync(table, page); bytes > 0; bytes = readSync(table, page)) {
        scan.add(page.subarray(0, bytes));
        yield;
      }
    } catch {
      // There is no such table on other systems, and no descriptor for it where all are in use.
    } finally {
      if (table !== undefined) closeSync(table);
    }
  }
}

/** When the last reading ended, and how much of the loop's time it took; ms. */
let ended = -Infinity;
let cost = 0;

/**
 * The last reading of all connections, for a while: where a server ends there is one for all of its sessions.
 */
let whole: Reading | undefined;
const KEPT_MS = 10_000;

/** The reading that those who ask now will share. */
let next: Appointment | undefined;

/** A reading of all connections that is not over yet. */
let underWay: Pick<Appointment, 'reading' | 'done'> | undefined;

/**
 * Asks about connections: resolves with the next reading that begins after the call, soon where little was
 * read lately.
 *
 * @param distance one of `DISTANCE`; the shortest of those who share a reading counts
 * @param since in ms: a reading of all connections that began later, and is under way, will do
 */
export function look(sockets: Iterable<Duplex>, distance: number, since = Infinity): Promise<Reading> {
  if (underWay !== undefined && underWay.reading.began > since) return underWay.done;
  next ??= new Appointment();
  for (const socket of sockets) next.reading.want(socket);
  next.notLaterThan(distance);
  return next.done;
}

/**
 * Whether a reading that is there already shows that all has arrived that was written before `since`, in ms.
 */
export function hasArrived(socket: Duplex, since: number): boolean {
  return whole !== undefined && whole.began > since && whole.rowOf(socket)?.unacknowledged === 0;
}

/** A reading that is to begin when the time for it has come. */
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

  /** Those who ask in the same turn share it, however short the distance is. */
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
    const wait = Math.min(distance * cost, MOST_DISTANCE_MS);
    this.#wait = setTimeout(begin, Math.max(0, ended + wait - performance.now())).unref();
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

/** Takes steps for so many ms, or until there are no more. */
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
  whole = reading;
  setTimeout(() => {
    if (whole === reading) whole = undefined;
  }, KEPT_MS).unref();
}

function noteCost(ms: number): void {
  cost = ms;
  ended = performance.now();
}

/** What was read for those who cannot wait, good for nothing that happens later; and how often that was. */
let latest: Reading | undefined;
let attempts = 0;

/**
 * Bytes that the peer has not acknowledged, as it is now: for a last account. One reading serves all who ask
 * before anything else happens. Who is missing is looked for again, a few times for all together: the system
 * may skip a row of a table that changes while it is read.
 */
export function unacknowledgedNow(socket: Duplex): number | undefined {
  if (keyOfSocket(socket) === undefined) return undefined;
  while (latest?.rowOf(socket) === undefined && attempts < ATTEMPTS) {
    if (attempts === 0) queueMicrotask(forget);
    attempts += 1;
    latest = new Reading();
    noteCost(slice(latest.steps(), Infinity).spent);
  }
  return latest?.rowOf(socket)?.unacknowledged;
}

function forget(): void {
  latest = undefined;
  attempts = 0;
}

/**
 * Of `sessions`, those whose peer must be gone though Node has not noticed: what was sent to it goes
 * unanswered, which TCP keepalive does not look for, or its reset waits behind input that nobody reads
 * because the session is held.
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
    if (row !== undefined) return row.retransmissions >= HOPELESS;
    return held.has(session) && known.has(socket);
  };
  const first = await look(
    [...held].map(({ socket }) => socket),
    distance,
  );
  const suspects = (first.hasHopeless ? all : [...held]).filter((session) => isGone(first, session));
  if (suspects.length === 0) return [];
  // The system may skip a row of a table that changes while it is read: nobody is condemned for that.
  const second = await look(
    suspects.map(({ socket }) => socket),
    distance,
  );
  return suspects.filter((session) => isGone(second, session) && (session.held || !held.has(session)));
}

/** What tells a connection from all others of this machine; `undefined` for what is none of TCP. */
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
