import { until } from '../spec/support/until.ts';
import { type Cast, QUICK, type Scenario, enter, pairs, pause } from './cast.ts';
import { Netcat } from './netcat.ts';
import { type Habits, Peer } from './peer.ts';

/** Connections of a storm, and how many of them come at a time. */
const STORM = 3000;
const GUST = 20;

/** Peers that say nothing more. */
const SILENT = 2000;

/** A handshake costs the torturer as much as the server: of fewer the server sees as many at a time. */
const SECURE_PART = 1 / 8;

function sizeFor({ place }: Cast, size: number): number {
  return place.ca === undefined ? size : Math.ceil(size * SECURE_PART);
}

/** Has peers come that log in and write one line to themselves, or none where `random` says so. */
export async function crowd(cast: Cast, size: number, habits: Habits, all = true): Promise<void> {
  const { place, random } = cast;
  while (cast.crowd.length < size) {
    const peer = new Peer(place, `crowd-${cast.crowd.length}`, habits);
    cast.crowd.push(peer);
    cast.others.push(peer);
    peer.type(`${peer.name}\n${all || random.next() < 0.5 ? `${peer.name}: 1\n` : ''}`);
    if (cast.crowd.length % GUST === 0) await pause(0);
  }
}

/** Has so many come and log in who never hang up, and of whom some get a message. */
export async function silentCrowd(cast: Cast, size: number): Promise<void> {
  await crowd(cast, sizeFor(cast, size), { neverHangsUp: true }, false);
  await until(() => cast.crowd.every(({ transcript }) => transcript.welcome), 'all to be welcome');
}

/** Many peers, or such as do not behave as a chat's. */
export const crowds: Readonly<Record<string, Scenario>> = {
  nameless: {
    about: 'peers that never sent a name, half a name, or half a line',
    ...QUICK,
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
    ...QUICK,
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
  silent: {
    about: 'thousands have got a message or none, say nothing, and never hang up',
    ...QUICK,
    within: QUICK.linger + 2,
    exits: [0],
    setUp: async (cast) => {
      await silentCrowd(cast, SILENT);
      await pairs(cast, 2);
    },
  },
  storm: {
    about: 'thousands of connections arrive before, during and after the signal',
    ...QUICK,
    exits: [0],
    setUp: async (cast) => {
      await pairs(cast, 2);
      void crowd(cast, sizeFor(cast, STORM), {}).catch((failure: unknown) =>
        cast.faults.push(String(failure)),
      );
    },
    beforeSignal: (cast) => {
      const enough = sizeFor(cast, STORM) / 10;
      const welcome = () => cast.crowd.filter(({ transcript }) => transcript.welcome).length;
      return until(() => welcome() >= enough, 'the storm');
    },
    afterSignal: (cast) => until(() => cast.crowd.length >= sizeFor(cast, STORM), 'the end of the storm'),
  },
};
