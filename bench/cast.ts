import { Client } from './client.ts';
import type { Order } from './order.ts';
import { Stream } from './stream.ts';
import { wires } from './wire.ts';

/** Logins under way at a time. */
const DOOR = 64;

/** Bytes in one write, at most, unless a message is longer. */
const OUT_BLOCK = 128 * 1024;

/** Bytes that a receiver has ready to compare with: all receivers' together fit into a CPU's cache. */
const IN_BLOCK = 8 * 1024;

export interface Sender {
  readonly client: Client;
  readonly outbox: Stream;
}

/** Everyone who takes part. */
export interface Cast {
  readonly clients: readonly Client[];
  readonly senders: readonly Sender[];
}

export interface Watch {
  /** Receivers of sender number `sender` got its messages from number `first` up to, not including, `end`. */
  readonly received: (sender: number, first: number, end: number) => void;
  /** A client that is sent something got all of it. */
  readonly complete: () => void;
  readonly fault: (what: string) => void;
}

/** Connects and logs in everyone that an order needs. */
export async function enter({ wire: wireName, port, tag, work }: Order, watch: Watch): Promise<Cast> {
  const wire = wires[wireName];
  const senders: Sender[] = [];
  const clients: Client[] = [];
  const join = (name: string, inbox: Stream, received: (first: number, end: number) => void = () => {}) => {
    const client: Client = new Client(port, name, inbox, wire, {
      received: (first, end) => {
        received(first, end);
        if (inbox.done) watch.complete();
      },
      fault: watch.fault,
    });
    clients.push(client);
    return client;
  };

  if ('idle' in work) {
    await forEach(work.idle, async (index) => {
      const name = `i${tag}${digits(index)}`;
      await join(name, nothing()).login(wire.receiver(name, name));
    });
    return { clients, senders };
  }

  const { messages, payload } = work;
  await forEach(work.senders, async (index) => {
    const name = `s${tag}${digits(index)}`;
    const channel = `c${tag}${digits(index)}`;
    const receiver = (place: number) => `r${tag}${digits(index * work.receivers + place)}`;
    const receivers = Array.from({ length: work.receivers }, (_, place) => receiver(place));
    const text = (number: string) => `${digits(index)}.${number}.`.padEnd(payload, 'x');

    for (const other of receivers) {
      const inbox = new Stream((number) => wire.received(channel, name, text(number)), messages, IN_BLOCK);
      const client = join(other, inbox, (first, end) => {
        watch.received(index, first, end);
      });
      await client.login(wire.receiver(other, channel));
    }
    const answer = wire.answer(receivers.length);
    const inbox = answer === '' ? nothing() : new Stream(() => answer, messages, IN_BLOCK);
    const client = join(name, inbox);
    await client.login(wire.sender(name));
    const outbox = new Stream((number) => wire.sent(channel, receivers, text(number)), messages, OUT_BLOCK);
    // In order, whoever was first to be logged in: it is by its number that a sender's messages are due.
    senders[index] = { client, outbox };
  });
  return { clients, senders };
}

/** Of one who is sent nothing. */
function nothing(): Stream {
  return new Stream(() => '-', 0, 0);
}

function digits(index: number): string {
  return String(index).padStart(4, '0');
}

/** Does `action` for 0 up to, not including, `count`, some at a time. */
async function forEach(count: number, action: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const work = async () => {
    while (next < count) await action(next++);
  };
  await Promise.all(Array.from({ length: DOOR }, work));
}
