import type { Registry } from 'prom-client';
import type { RefusalCode } from '../model/server-events.ts';
import { BOUNDS, type Latency } from '../model/latency.ts';
import type { Meter, Reading } from './meter.ts';
import type { EndReason } from '../protocol/wire.ts';

/**
 * All codes, so that each has a count of 0 before the first refusal.
 * @internal
 */
export const REFUSAL_CODES: Readonly<Record<RefusalCode, 0>> = {
  'name-invalid': 0,
  'name-taken': 0,
  'auth-failed': 0,
  'not-certified': 0,
  'certificate-refused': 0,
  'tls-failed': 0,
  'not-chat': 0,
  'login-timeout': 0,
  'server-full': 0,
  'too-many-connections': 0,
};
/**
 * All reasons, for the same purpose.
 * @internal
 */
export const END_REASONS: Readonly<Record<EndReason, 0>> = {
  eof: 0,
  quit: 0,
  shutdown: 0,
  replaced: 0,
  'auth-failed': 0,
  'name-invalid': 0,
  'name-taken': 0,
  'not-certified': 0,
  'login-timeout': 0,
  'not-chat': 0,
  'server-full': 0,
  'too-many-connections': 0,
  'certificate-refused': 0,
  idle: 0,
  'slow-consumer': 0,
  vanished: 0,
  reset: 0,
  'internal-error': 0,
  deadline: 0,
};

/**
 * The counts of `meter`, and those that Node keeps of the process, as metrics for Prometheus. A scrape
 * computes them; nothing is computed between two scrapes.
 */
export async function metricsOf(meter: Meter): Promise<Registry> {
  // Without metrics the library is not loaded, and the program starts faster.
  const { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } = await import('prom-client');
  const registry = new Registry();
  const registers = [registry];

  // One scrape has one reading, so that its metrics are of one moment and the sessions are summed up once.
  let reading: Reading | undefined;
  const read = () => {
    queueMicrotask(() => (reading = undefined));
    return (reading ??= meter.read());
  };
  const gauge = (name: string, help: string, value: () => number) => {
    new Gauge({
      ...{ name: `a_chat_${name}`, help, registers },
      collect() {
        this.set(value());
      },
    });
  };
  const counter = (name: string, help: string, value: () => number) => {
    new Counter({
      ...{ name: `a_chat_${name}_total`, help, registers },
      collect() {
        this.reset();
        this.inc(value());
      },
    });
  };
  const counters = <K extends string>(
    name: string,
    help: string,
    label: string,
    known: Readonly<Record<K, 0>>,
    values: ReadonlyMap<K, number>,
  ) => {
    new Counter({
      ...{ name: `a_chat_${name}_total`, help, labelNames: [label], registers },
      collect() {
        this.reset();
        for (const key of Object.keys(known) as K[]) this.inc({ [label]: key }, values.get(key) ?? 0);
      },
    });
  };

  gauge('sessions', 'Connections that are open, logged in or not', () => read().connected);
  gauge('max_connections', 'Connections that there is room for', () => meter.maxConnections);
  gauge('sessions_logged_in', 'Those of them that have logged in', () => read().loggedIn);
  counter('logins', 'Logins', () => meter.logins);
  counters('refusals', 'Logins and connections refused', 'code', REFUSAL_CODES, meter.refusals);
  counters('sessions_ended', 'Sessions that ended', 'reason', END_REASONS, meter.endings);
  counter('slow_consumers', 'Recipients cut off because they did not read', () => {
    return meter.endings.get('slow-consumer') ?? 0;
  });

  counter('bugs', 'Sessions ended because the server failed while it served them', () => meter.bugs);

  counter('messages_accepted', 'Message lines taken from senders', () => read().accepted);
  counter('messages_delivered', 'Messages handed to the operating system', () => read().delivered);
  counters('messages_abandoned', 'Messages not delivered', 'reason', END_REASONS, meter.abandoned);
  counter('received_bytes', 'Bytes read from connections', () => read().bytesRead);
  counter('sent_bytes', 'Bytes written to connections', () => read().bytesWritten);
  gauge('pending_bytes', 'Bytes that wait for recipients', () => read().pending);
  counter('backpressure_seconds', 'Time in which senders were not read, summed up', () => read().held);
  const latency = {
    name: 'a_chat_delivery_latency_seconds',
    help: 'Time from the reading of a message to its writing',
  };
  const observed = () =>
    Promise.resolve({
      ...{ ...latency, type: 'histogram', aggregator: 'sum' },
      values: samples(latency.name, meter.latency),
    });
  // The library's own histogram would take one sample for each message.
  Object.assign(new Histogram({ ...latency, registers }), { get: observed, getForPromString: observed });

  counter('log_lines_dropped', 'Lines of the log that could not be written', () => meter.log.dropped);
  counter('log_failures', 'Writes of the log that failed', () => meter.log.failures);
  gauge('draining', '1 from the moment that a drain begins', () => Number(meter.draining));
  gauge('drain_duration_seconds', 'Time that the drain takes, so far', () => meter.drain);
  collectDefaultMetrics({ register: registry });
  return registry;
}

/** The samples of a histogram as Prometheus has it: each bucket counts those below it too. */
function samples(name: string, { buckets, sum }: Latency) {
  let count = 0;
  const cumulative = buckets.map((messages, index) => {
    count += messages;
    return { metricName: `${name}_bucket`, labels: { le: BOUNDS[index] ?? '+Inf' }, value: count };
  });
  return [
    ...cumulative,
    { metricName: `${name}_sum`, labels: {}, value: sum },
    { metricName: `${name}_count`, labels: {}, value: count },
  ];
}
