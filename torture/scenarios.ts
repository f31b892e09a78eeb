import { Netcat } from './netcat.ts';
import { type Habits, Peer, type Place } from './peer.ts';
import type { Random } from './random.ts';
import type { Transcript } from './transcript.ts';

/** Who takes part in one run. A scenario fills it before the signal, and may go on after it. */
export interface Cast {
  /** Where the server is. */
  readonly place: Place;
  readonly random: Random;
  /** Senders with whom they write to, in turn; each sender of a run has as many targets as any other. */
  readonly flows: { readonly from: Peer; readonly to: readonly string[] }[];
  /** Everyone who has a name and must get all that was accepted for it, and a closing line with true counts. */
  readonly whole: { readonly name: string; readonly transcript: Transcript }[];
  /** Those who have a name and will be cut off: what they got and what was abandoned make what was accepted for them. */
  readonly cut: Peer[];
  /** Those who arrive by the thousand, say one line to themselves, and stay. */
  readonly storm: Peer[];
  /** Everyone with a connection of their own to be closed in the end. */
  readonly others: { destroy(): void }[];
  /** What was found wrong beside the transcripts. */
  readonly faults: string[];
}

export interface Scenario {
  readonly about: string;
  /** Of the server. */
  readonly options: readonly string[];
  readonly setUp: (cast: Cast) => Promise<void>;
  /** What the signal waits for, beside some traffic. */
  readonly ready?: (cast: Cast) => boolean;
  /** Runs while the server drains. */
  readonly afterSignal?: (
    cast: Cast,
    signal: (name: 'SIGINT' | 'SIGTERM' | 'SIGQUIT') => void,
  ) => Promise<void>;
  /** Exit codes that are right. */
  readonly exits: readonly number[];
}

const QUICK = ['--linger-timeout', '0.3', '--drain-timeout', '60'];

/** Logs in a peer that is to stay whole. */
async function enter(cast: Cast, name: string, habits?: Habits): Promise<Peer> {
  const peer = new Peer(cast.place, name, habits);
  cast.whole.push(peer);
  cast.others.push(peer);
  await peer.login();
  return peer;
}

/** Pairs of which the first floods the second, who has `habits`; with `both` the second floods back. */
async function pairs(cast: Cast, count: number, habits?: Habits, both = false): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    const sender = await enter(cast, `sender-${index}`);
    const receiver = await enter(cast, `receiver-${index}`, habits);
    cast.flows.push({ from: sender, to: [receiver.name] });
    if (both) cast.flows.push({ from: receiver, to: [sender.name] });
  }
}

/** ms after which the server takes a second signal for one that is meant, and some more for it to be heard. */
const MEANT = 700;

/** Connections of a storm, and how many of them come at a time. */
const STORM = 3000;
const SECURE_STORM = 400;
const GUST = 20;

/** A handshake costs the torturer as much as the server: of fewer the server sees as many at a time. */
function stormOf({ place }: Cast): number {
  return place.ca === undefined ? STORM : SECURE_STORM;
}

async function storm(cast: Cast): Promise<void> {
  while (cast.storm.length < stormOf(cast)) {
    const peer = new Peer(cast.place, `storm-${cast.storm.length}`);
    cast.storm.push(peer);
    cast.others.push(peer);
    peer.type(`${peer.name}\n${peer.name}: 1\n`);
    if (cast.storm.length % GUST === 0) await pause(0);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

export const scenarios: Readonly<Record<string, Scenario>> = {
  'one-way': {
    about: 'senders flood one receiver each',
    options: QUICK,
    exits: [0],
    setUp: (cast) => pairs(cast, cast.random.between(1, 8)),
  },
  'both-ways': {
    about: 'pairs flood each other',
    options: QUICK,
    exits: [0],
    setUp: (cast) => pairs(cast, cast.random.between(1, 8), {}, true),
  },
  'in-turn': {
    about: 'every sender writes to three receivers in turn',
    options: QUICK,
    exits: [0],
    setUp: async (cast) => {
      const receivers = ['first', 'second', 'third'];
      for (const name of receivers) await enter(cast, name);
      for (let index = cast.random.between(1, 5); index > 0; index -= 1) {
        cast.flows.push({ from: await enter(cast, `sender-${index}`), to: receivers });
      }
    },
  },
  'slow-and-typing': {
    about: 'receivers read slowly and keep typing through the drain',
    options: QUICK,
    exits: [0],
    setUp: (cast) =>
      pairs(cast, cast.random.between(1, 3), {
        readEvery: cast.random.between(2, 12),
        typesEvery: cast.random.between(5, 50),
      }),
  },
  'too-slow': {
    about: 'receivers read too slowly for the deadline, and keep typing: what they did not get is named',
    options: ['--linger-timeout', '0.3', '--drain-timeout', '1'],
    exits: [0, 1],
    setUp: async (cast) => {
      for (let index = 0; index < 3; index += 1) {
        const sender = await enter(cast, `sender-${index}`);
        const receiver = new Peer(cast.place, `receiver-${index}`, { readEvery: 60, typesEvery: 50 });
        cast.cut.push(receiver);
        cast.others.push(receiver);
        await receiver.login();
        cast.flows.push({ from: sender, to: [receiver.name] });
      }
    },
    // One line into a connection that was cut off resets it; one more would destroy what the receiver's own system holds unread.
    afterSignal: async ({ cut }) => {
      await pause(600);
      for (const receiver of cut) receiver.stopTyping();
      await pause(600);
      for (const receiver of cut) receiver.type('/ping\n');
    },
  },
  'late-line': {
    about: 'receivers read slowly and type one line while the server drains',
    options: QUICK,
    exits: [0],
    setUp: (cast) => pairs(cast, cast.random.between(1, 3), { readEvery: cast.random.between(2, 8) }),
    afterSignal: async (cast) => {
      for (const peer of cast.others) {
        await pause(cast.random.between(0, 60));
        if (peer instanceof Peer) peer.type('a late line\n');
      }
    },
  },
  nameless: {
    about: 'peers that never sent a name, half a name, or half a line',
    options: QUICK,
    exits: [0],
    setUp: async (cast) => {
      await pairs(cast, cast.random.between(1, 4));
      for (const text of ['', 'half a na', '\n\n']) {
        const peer = new Peer(cast.place, '', { neverHangsUp: true });
        peer.type(text);
        cast.others.push(peer);
      }
      const halfLine = await enter(cast, 'half', { neverHangsUp: true });
      halfLine.type('receiver-0: this line has no en');
    },
  },
  netcats: {
    about: 'nc, ncat and socat receive, and never hang up',
    options: QUICK,
    exits: [0],
    setUp: async (cast) => {
      for (const tool of ['nc', 'ncat', 'socat'] as const) {
        const netcat = new Netcat(tool, cast.place);
        cast.others.push(netcat);
        cast.whole.push(netcat);
        await netcat.login();
        cast.flows.push({ from: await enter(cast, `sender-${tool}`), to: [tool] });
      }
    },
  },
  storm: {
    about: 'thousands of connections arrive before, during and after the signal',
    options: QUICK,
    exits: [0],
    setUp: async (cast) => {
      await pairs(cast, 2);
      void storm(cast).catch((failure: unknown) => cast.faults.push(String(failure)));
    },
    ready: (cast) => cast.storm.filter(({ transcript }) => transcript.welcome).length >= stormOf(cast) / 10,
    afterSignal: async (cast) => {
      const { storm, faults } = cast;
      while (storm.length < stormOf(cast) || storm.some((peer) => !peer.closed && !peer.ended))
        await pause(10);
      for (const { name, transcript } of storm) {
        const { welcome, closing, received } = transcript;
        if (welcome && (closing?.accepted !== received || closing.delivered !== received)) {
          faults.push(`${name} was welcome, received ${received} and read ${JSON.stringify(closing)}`);
        }
      }
    },
  },
  'never-reads': {
    about: 'one peer never reads, and is cut off at the deadline; everybody else is whole',
    options: ['--linger-timeout', '0.3', '--drain-timeout', '1', '--write-timeout', '60'],
    exits: [1],
    setUp: async (cast) => {
      const victim = new Peer(cast.place, 'victim', { neverReads: true });
      cast.cut.push(victim);
      cast.others.push(victim);
      await victim.login();
      await pairs(cast, 2);
      for (let index = 0; index < 2; index += 1) {
        cast.flows.push({ from: await enter(cast, `flooder-${index}`), to: ['victim'] });
      }
    },
    // Until the kernel has no more room for the victim nothing is pending for it.
    ready: ({ flows }) =>
      flows.filter(({ to }) => to.includes('victim')).every(({ from }) => from.stalled > 200),
  },
  'second-signal': {
    about: 'a second signal, of either kind, ends a drain that slow readers hold up',
    options: QUICK,
    exits: [0, 130, 131, 143],
    setUp: async (cast) => {
      for (let index = 0; index < 3; index += 1) {
        const slow = new Peer(cast.place, `slow-${index}`, { readEvery: 20 });
        cast.cut.push(slow);
        cast.others.push(slow);
        await slow.login();
        const sender = new Peer(cast.place, `sender-${index}`);
        cast.cut.push(sender);
        cast.others.push(sender);
        await sender.login();
        cast.flows.push({ from: sender, to: [slow.name] });
      }
    },
    afterSignal: async (cast, signal) => {
      await pause(MEANT + cast.random.between(0, 100));
      signal(cast.random.pick(['SIGINT', 'SIGTERM', 'SIGQUIT']));
    },
  },
  'signals-in-pairs': {
    about: 'a launcher and a terminal both signal while receivers read slowly: everybody is whole',
    options: QUICK,
    exits: [0],
    setUp: (cast) => pairs(cast, cast.random.between(1, 4), { readEvery: cast.random.between(2, 12) }),
    afterSignal: async (cast, signal) => {
      for (let more = cast.random.between(1, 3); more > 0; more -= 1) {
        await pause(cast.random.between(0, 30));
        signal(cast.random.pick(['SIGINT', 'SIGTERM', 'SIGQUIT']));
      }
    },
  },
  resets: {
    about: 'peers come, flood each other and break their connections; everybody else is whole',
    options: QUICK,
    exits: [0, 1],
    setUp: async (cast) => {
      await pairs(cast, 2);
      const churn = async (name: string, other: string) => {
        for (let turn = cast.random.between(1, 6); turn > 0; turn -= 1) {
          const peer = new Peer(cast.place, name);
          cast.others.push(peer);
          await peer.login();
          peer.flood([other]);
          await pause(cast.random.between(0, 40));
          peer.reset();
          await pause(20);
        }
      };
      void churn('here', 'gone').catch(() => {});
      void churn('gone', 'here').catch(() => {});
    },
  },
};
