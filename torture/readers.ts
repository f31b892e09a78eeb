import { QUICK, type Scenario, enter, enterAtRisk, held, pairs, pause } from './cast.ts';
import { Peer } from './peer.ts';

/** ms for which rude readers rest, at most: many linger timeouts, and less than the write timeout. */
const RUDE = 4000;

/** Peers that read slowly, late or never. */
export const readers: Readonly<Record<string, Scenario>> = {
  'slow-and-typing': {
    about: 'receivers read slowly and keep typing through the drain',
    ...QUICK,
    exits: [0],
    setUp: (cast) =>
      pairs(cast, cast.random.between(1, 3), {
        readEvery: cast.random.between(2, 12),
        typesEvery: cast.random.between(5, 50),
      }),
  },
  'too-slow': {
    about: 'receivers read too slowly for the deadline, and keep typing: what they did not get is named',
    linger: 0.3,
    drain: 1,
    exits: [0, 1],
    setUp: async (cast) => {
      for (let index = 0; index < 3; index += 1) {
        const sender = await enter(cast, `sender-${index}`);
        const receiver = await enterAtRisk(cast, `receiver-${index}`, { readEvery: 60, typesEvery: 50 });
        cast.flows.push({ from: sender, to: [receiver.name] });
      }
    },
    // One line into a connection that was cut off resets it; one more would destroy what the receiver's own
    // system holds unread.
    afterSignal: async ({ cut }) => {
      await pause(600);
      for (const receiver of cut) receiver.stopTyping();
      await pause(600);
      for (const receiver of cut) receiver.type('/ping\n');
    },
  },
  'rude-readers': {
    about: 'receivers rest for seconds with much on its way to them, then read all: nobody cuts them off',
    ...QUICK,
    exits: [0],
    setUp: (cast) => pairs(cast, cast.random.between(1, 6)),
    beforeSignal: async ({ flows, others, random }) => {
      for (const peer of others)
        if (peer instanceof Peer && peer.name.startsWith('receiver-')) peer.stopReading();
      // Some are held by then, others not yet.
      await held(flows, 100, random.between(0, 1000));
    },
    afterSignal: async ({ others, random }) => {
      const rests = others.map(async (peer) => {
        if (!(peer instanceof Peer)) return;
        const isTyping = random.next() < 0.5;
        const rest = random.between(0, RUDE);
        await pause(rest / 2);
        if (isTyping) peer.type('anybody there?\n');
        await pause(rest / 2);
        peer.readOn();
      });
      await Promise.all(rests);
    },
  },
  'late-line': {
    about: 'receivers read slowly and type one line while the server drains',
    ...QUICK,
    exits: [0],
    setUp: (cast) => pairs(cast, cast.random.between(1, 3), { readEvery: cast.random.between(2, 8) }),
    afterSignal: async (cast) => {
      for (const peer of cast.others) {
        await pause(cast.random.between(0, 60));
        if (peer instanceof Peer) peer.type('a late line\n');
      }
    },
  },
  'never-reads': {
    about: 'one peer never reads, and is cut off at the deadline; everybody else is whole',
    linger: 0.3,
    drain: 1,
    options: ['--write-timeout', '60'],
    exits: [1],
    setUp: async (cast) => {
      const victim = await enterAtRisk(cast, 'victim', { neverReads: true });
      await pairs(cast, 2);
      for (let index = 0; index < 2; index += 1) {
        cast.flows.push({ from: await enter(cast, `flooder-${index}`), to: [victim.name] });
      }
    },
    // Until the kernel has no more room for the victim nothing is pending for it.
    beforeSignal: ({ flows }) =>
      held(
        flows.filter(({ to }) => to.includes('victim')),
        200,
        30_000,
      ),
  },
};
