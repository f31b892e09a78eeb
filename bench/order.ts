import type { WireName } from './wire.ts';

/** When messages are written. */
export type Pace =
  /** As fast as the sockets take them, some 100 KB in a write. */
  | 'blocks'
  /** As fast as the sockets take them, each in a write of its own. */
  | 'single'
  /** Each in a write of its own at its time: so many a second in all, whatever comes back. */
  | { readonly rate: number; readonly warmUp: number };

/** Senders and receivers, and what passes between them; or none of it. */
export type Work =
  | {
      readonly senders: number;
      /** Receivers of each sender; each message goes to all of them. */
      readonly receivers: number;
      /** Of each sender; those of a warm-up, which are verified but not timed, among them. */
      readonly messages: number;
      /** Bytes of each message's text. */
      readonly payload: number;
      readonly pace: Pace;
    }
  | {
      /** Connections that log in and do nothing. */
      readonly idle: number;
    };

/** What the load process is to do. */
export interface Order {
  readonly wire: WireName;
  readonly port: number;
  /** The server's process. */
  readonly pid: number;
  /** Part of all names: a server may still know those of the load before. */
  readonly tag: string;
  readonly work: Work;
  /** s until what is missing counts as lost. */
  readonly limit: number;
}

export type Figure =
  /** CPU time of the server, µs per delivery. */
  | 'cpu'
  /** CPU time of the load process, µs per delivery. */
  | 'own'
  /** Thousands of deliveries a second. */
  | 'rate'
  /** Latency from the scheduled time, µs: the median, and what 1 of 100 exceeds. */
  | 'p50'
  | 'p99'
  /** How late the load process was in writing, µs, exceeded by 1 of 100. */
  | 'late'
  /** KB of the server's resident memory per connection, beyond what it had without any. */
  | 'memory';

export type Outcome =
  | { readonly figures: Readonly<Partial<Record<Figure, number>>> }
  /** What was not as it must be; such a run has no figures. */
  | { readonly fault: string };
