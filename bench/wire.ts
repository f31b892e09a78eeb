/** What is written to log in, and how the answer to it ends. */
export interface Login {
  readonly write: string;
  readonly ready: string;
}

/** A protocol as templates: what is written for one message, and what has to arrive for it, byte for byte. */
export interface Wire {
  receiver(name: string, channel: string): Login;
  sender(name: string): Login;
  sent(channel: string, receivers: readonly string[], payload: string): string;
  received(channel: string, sender: string, payload: string): string;
  /** What a sender is answered for each message. */
  answer(receivers: number): string;
  /** Whether all this is said over TLS. */
  readonly secure?: true;
  /** What a server may say besides. */
  readonly interjections?: readonly Interjection[];
}

export interface Interjection {
  /** How it begins, no two alike; and the byte that it then goes on to, if it does. */
  readonly heard: string;
  readonly until?: string;
  /** Whether it may come within a message, and not only between two. */
  readonly anywhere?: true;
  /** What it is answered. */
  readonly reply?: string;
}

export type WireName = 'chat' | 'chat over TLS' | 'plain' | 'nats' | 'redis' | 'ncat';

/** Our own: messages are addressed to names. */
const chat: Wire = {
  receiver: welcome,
  sender: welcome,
  sent: (_channel, receivers, payload) => `${receivers.join(', ')}: ${payload}\n`,
  received: (_channel, sender, payload) => `from ${sender}: ${payload}\n`,
  answer: () => '',
};

/** The same from a server of which no more is known than that: who gets a message to oneself is logged in. */
const plain: Wire = { ...chat, receiver: reflected, sender: reflected };

function reflected(name: string): Login {
  return { write: `${name}\n${name}: here\n`, ready: `from ${name}: here\n` };
}

function welcome(name: string): Login {
  return { write: `${name}\n`, ready: `* welcome ${name}\n` };
}

const CONNECT = 'CONNECT {"verbose":false,"pedantic":false}\r\n';

/** Messages are published to a subject; the PING behind a subscription is answered when that is in force. */
const nats: Wire = {
  receiver: (_name, channel) => ({ write: `${CONNECT}SUB ${channel} 1\r\nPING\r\n`, ready: 'PONG\r\n' }),
  sender: () => ({ write: `${CONNECT}PING\r\n`, ready: 'PONG\r\n' }),
  sent: (channel, _receivers, payload) => `PUB ${channel} ${payload.length}\r\n${payload}\r\n`,
  received: (channel, _sender, payload) => `MSG ${channel} 1 ${payload.length}\r\n${payload}\r\n`,
  answer: () => '',
  interjections: [{ heard: 'PING\r\n', reply: 'PONG\r\n' }],
};

/** Messages are published to a channel, and each is answered with the number of its receivers. */
const redis: Wire = {
  receiver: (_name, channel) => ({
    write: bulk('SUBSCRIBE', channel),
    ready: `*3\r\n${item('subscribe')}${item(channel)}:1\r\n`,
  }),
  sender: () => ({ write: bulk('PING'), ready: '+PONG\r\n' }),
  sent: (channel, _receivers, payload) => bulk('PUBLISH', channel, payload),
  received: (channel, _sender, payload) => bulk('message', channel, payload),
  answer: (receivers) => `:${receivers}\r\n`,
};

/**
 * All that one writes, all others read: piece by piece as it was read, lines or not, each piece under
 * `<user4> `.
 */
const ncat: Wire = {
  receiver: announced,
  sender: announced,
  sent: (_channel, _receivers, payload) => `${payload}\n`,
  received: (_channel, _sender, payload) => `${payload}\n`,
  answer: () => '',
  interjections: [
    { heard: '<user', until: ' ', anywhere: true },
    { heard: '<announce>', until: '\n', anywhere: true },
  ],
};

/** `<announce> 127.0.0.1 is connected as <user4>.`, unasked. */
function announced(): Login {
  return { write: '', ready: '.\n' };
}

/** An array of strings in Redis' protocol. */
function bulk(...items: string[]): string {
  return `*${items.length}\r\n${items.map(item).join('')}`;
}

function item(text: string): string {
  return `$${text.length}\r\n${text}\r\n`;
}

export const wires: Readonly<Record<WireName, Wire>> = {
  chat,
  'chat over TLS': { ...chat, secure: true },
  plain,
  nats,
  redis,
  ncat,
};
