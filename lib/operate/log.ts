import { type Logger, pino } from 'pino';
import type { AdminEvent } from './admin.ts';
import { hostOf } from '../protocol/address.ts';
import { LogFlood } from './log-flood.ts';
import { showAddress } from '../protocol/endpoint.ts';
import type { ServerEvent } from '../model/server-events.ts';
import type { LogFormat } from '../settings/table.ts';
import type { EndReason } from '../protocol/wire.ts';

/** Where the log is shown. */
export interface Screen {
  readonly terminal: boolean;
  readonly colours: boolean;
}

/** A sink for lines, each with its line end. */
export interface Lines {
  write(line: string): void;
}

/** Makes the operator's log: one JSON line an event, or lines for people. */
export async function createLog(
  level: string,
  format: LogFormat,
  { terminal, colours }: Screen,
  lines: Lines,
): Promise<Logger> {
  const options = { level, base: null, timestamp: () => `,"time":"${new Date().toISOString()}"` };
  if (format === 'json' || (format === 'auto' && !terminal)) return pino(options, lines);
  // A log in JSON does not need the library, and the program starts faster without it.
  const { prettyFactory } = await import('pino-pretty');
  const pretty = prettyFactory({
    colorize: colours,
    ignore: 'name',
    translateTime: 'SYS:HH:MM:ss.l',
    hideObject: true,
  });
  return pino(options, {
    write: (line) => {
      lines.write(pretty(line));
    },
  });
}

/** Logs that `count` lines are missing at this place, because they could not be written. */
export function logMissing(log: Logger, count: number): void {
  log.error({ event: 'lines-missing', count }, `${count} lines of the log are missing here`);
}

/** Reasons that the operator brings about, once. Sessions that end for one of these are never summed up. */
const OPERATOR_REASONS: ReadonlySet<EndReason> = new Set<EndReason>(['shutdown', 'deadline']);

/** Logs events. Those that peers can bring about as often as they like are summed up in a flood. */
export function eventLog(log: Logger): (event: ServerEvent | AdminEvent) => void {
  const joined = new LogFlood((_kind, address, { count }) => {
    log.info({ event: 'joined', address, count }, `${count} more joined${from(address)}`);
  });
  const refused = new LogFlood((code, address, { count }) => {
    log.info({ event: 'refused', code, address, count }, `refused ${count} more${from(address)}: ${code}`);
  });
  const bugs = new LogFlood((_kind, address, { count }) => {
    log.error({ event: 'bug', address, count }, `a bug ended ${count} more sessions${from(address)}`);
  });
  const leavers = () =>
    new LogFlood<'accepted' | 'delivered' | 'abandoned'>((reason, address, { count, counts }) => {
      log[levelOf(reason, counts.abandoned)](
        { event: 'left', reason, address, count, ...counts },
        `${count} more left${from(address)} (${reason}): ${list(counts)}`,
      );
    });
  // Sessions that did not get all have lines and sums of their own.
  const [left, leftWithLosses] = [leavers(), leavers()];
  const isLogged = (event: ServerEvent | AdminEvent): boolean => {
    switch (event.type) {
      case 'joined':
        return joined.hasRoom(event.type, placeOf(event.remote), {});
      case 'refused':
        return refused.hasRoom(event.code, placeOf(event.remote), {});
      case 'bug':
        return bugs.hasRoom(event.type, placeOf(event.remote), {});
      case 'left': {
        const { reason, remote, accepted, delivered, abandoned } = event;
        if (OPERATOR_REASONS.has(reason)) return true;
        const flood = abandoned > 0 ? leftWithLosses : left;
        return flood.hasRoom(reason, placeOf(remote), { accepted, delivered, abandoned });
      }
      case 'drained':
        for (const flood of [joined, refused, bugs, left, leftWithLosses]) flood.flush();
        return true;
      case 'listening':
      case 'failing':
      case 'reloaded':
      case 'reload-failed':
      case 'doubtful':
      case 'draining':
      case 'admin':
      case 'admin-failing':
        return true;
    }
  };
  return (event) => {
    if (isLogged(event)) logEvent(log, event);
  };
}

/** The place of a peer: its IPv4 address, the /64 of its IPv6 address, or its Unix socket. */
function placeOf(remote: string): string {
  const address = /^\[(.+)\]:\d+$/.exec(remote)?.[1] ?? /^([\d.]+):\d+$/.exec(remote)?.[1];
  if (address === undefined) return remote;
  const network = hostOf(address);
  return network.includes(':') ? `${network}::/64` : network;
}

function from(address: string | undefined): string {
  return address === undefined ? '' : ` from ${address}`;
}

function levelOf(reason: string, abandoned: number): 'warn' | 'info' {
  return abandoned > 0 || reason === 'slow-consumer' ? 'warn' : 'info';
}

/** Logs one event, as fields and as a sentence. */
export function logEvent(log: Logger, event: ServerEvent | AdminEvent): void {
  const { type } = event;
  switch (event.type) {
    case 'listening': {
      const { endpoint, address, addresses, port, maxConnections } = event;
      const where = addresses === undefined ? endpoint : `${endpoint} (${addresses.join(', ')})`;
      log.info(
        { event: type, endpoint, address, addresses, port, maxConnections },
        `listening on ${where}, room for ${maxConnections} connections`,
      );
      return;
    }
    case 'admin':
      log.info(
        { event: type, address: event.address, port: event.port },
        `admin endpoint on http://${showAddress(event.address, event.port)}`,
      );
      return;
    case 'admin-failing':
      log.warn({ event: type, message: event.message }, `the admin endpoint fails: ${event.message}`);
      return;
    case 'failing':
      log.error({ event: type, message: event.message }, `cannot accept connections: ${event.message}`);
      return;
    case 'reloaded': {
      const { what, count } = event;
      const sentence = `read the ${what} again${count === undefined ? '' : `: there are ${count}`}`;
      log.info({ event: type, what, count }, sentence);
      return;
    }
    case 'doubtful':
      log.warn(
        { event: type, what: event.what, message: event.message },
        `doubtful ${event.what}: ${event.message}`,
      );
      return;
    case 'reload-failed':
      log.error(
        { event: type, what: event.what, message: event.message },
        `kept the ${event.what} as they were: ${event.message}`,
      );
      return;
    case 'joined':
      log.info(
        { event: type, name: event.name, remote: event.remote },
        `${event.name} joined from ${event.remote}`,
      );
      return;
    case 'refused':
      log.info(
        { event: type, code: event.code, name: event.name, remote: event.remote, detail: event.detail },
        `refused ${event.remote}: ${[event.code, event.name, event.detail].filter((part) => part !== undefined).join(' ')}`,
      );
      return;
    case 'left': {
      const { name, remote, reason, accepted, delivered, abandoned } = event;
      const counts = { accepted, delivered, abandoned };
      const sentence = `${name ?? 'a connection without a name'} left from ${remote} (${reason}): ${list(counts)}`;
      log[levelOf(reason, abandoned)]({ event: type, name, remote, reason, ...counts }, sentence);
      return;
    }
    case 'bug': {
      const { name, remote, failure } = event;
      log.error(
        { event: type, name, remote, err: failure },
        `a bug ended the session of ${name ?? 'a connection without a name'} from ${remote}: ${String(failure)}`,
      );
      return;
    }
    case 'draining':
      log.info(
        { event: type, sessions: event.sessions, deadline: event.deadline / 1000 },
        `draining ${sessionsOf(event.sessions)}, deadline in ${event.deadline / 1000} s`,
      );
      return;
    case 'drained': {
      const { sessions, delivered, abandoned, losses, milliseconds } = event.report;
      const seconds = milliseconds / 1000;
      log[abandoned > 0 ? 'error' : 'info'](
        { event: type, sessions, delivered, abandoned, losses, seconds },
        `drained ${sessionsOf(sessions)} in ${seconds} s: delivered ${delivered} since the signal, abandoned ${abandoned}`,
      );
      return;
    }
    default:
      event satisfies never;
  }
}

function sessionsOf(count: number): string {
  return count === 1 ? '1 session' : `${count} sessions`;
}

/** `accepted 3, delivered 2` */
function list(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ');
}
