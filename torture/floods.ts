import { Asker, MOST_RECIPIENTS } from './asker.ts';
import { type Cast, QUICK, type Scenario, enter, enterAtRisk, held, pairs, pause } from './cast.ts';
import type { Habits } from './peer.ts';

/** Bytes of a name, at most. */
const LONGEST_NAME = 64;

/** Senders of a late burst. Over TLS the torturer, who has to encrypt for all of them, is the slower one. */
const BURSTING = 300;
const SECURE_BURSTING = 60;

/** ms that they have to fill what the system has for them. */
const MOST_PATIENCE = 4000;

/** Logs in somebody who asks. */
async function enterAsker(cast: Cast, name: string, habits: Habits): Promise<void> {
  const asker = new Asker(cast.place, name, cast.random, habits);
  cast.askers.push(asker);
  cast.others.push(asker);
  if (habits.neverReads !== true) cast.whole.push(asker);
  await asker.login();
}

/** Peers that write as much as they can. */
export const floods: Readonly<Record<string, Scenario>> = {
  'one-way': {
    about: 'senders flood one receiver each',
    ...QUICK,
    exits: [0],
    setUp: (cast) => pairs(cast, cast.random.between(1, 8)),
  },
  'both-ways': {
    about: 'pairs flood each other',
    ...QUICK,
    exits: [0],
    setUp: (cast) => pairs(cast, cast.random.between(1, 8), {}, true),
  },
  'in-turn': {
    about: 'every sender writes to three receivers in turn',
    ...QUICK,
    exits: [0],
    setUp: async (cast) => {
      const receivers = ['first', 'second', 'third'];
      for (const name of receivers) await enter(cast, name);
      for (let index = cast.random.between(1, 5); index > 0; index -= 1) {
        cast.flows.push({ from: await enter(cast, `sender-${index}`), to: receivers });
      }
    },
  },
  'reply-flood': {
    about: 'peers ask for far more answers than they or anybody can read; pairs beside them are whole',
    linger: 0.3,
    drain: 5,
    options: ['--max-recipients', String(MOST_RECIPIENTS)],
    // Answers that nobody read are no loss.
    exits: [0],
    setUp: async (cast) => {
      const { random } = cast;
      await pairs(cast, 2);
      for (let index = random.between(1, 6); index > 0; index -= 1)
        await enterAsker(cast, `asks-${index}`, {});
      for (let index = random.between(0, 3); index > 0; index -= 1) {
        await enterAsker(cast, `reads-slowly-${index}`, { readEvery: random.between(2, 20) });
      }
      for (let index = random.between(0, 3); index > 0; index -= 1) {
        await enterAsker(cast, `never-reads-${index}`, { neverReads: true });
      }
      for (const asker of cast.askers) asker.ask();
    },
    beforeSignal: ({ random }) => pause(random.between(0, 2000)),
    check: ({ whole, askers }) =>
      askers.filter((asker) => whole.includes(asker)).flatMap(({ verdict }) => verdict),
  },
  'late-burst': {
    about: 'hundreds of senders with long names and short lines are held at the signal',
    linger: 0.3,
    drain: 4,
    options: ['--write-timeout', '60'],
    exits: [0, 1],
    setUp: async (cast) => {
      const count = cast.place.ca === undefined ? BURSTING : SECURE_BURSTING;
      await enterAtRisk(cast, 'v');
      const isEndless = cast.random.next() < 0.5;
      const names = Array.from({ length: count }, (_, index) => `${index}-`.padEnd(LONGEST_NAME, 'x'));
      for (const from of await Promise.all(names.map((name) => enter(cast, name)))) {
        cast.flows.push({ from, to: ['v'], lines: isEndless ? Infinity : cast.random.between(1000, 8000) });
      }
    },
    beforeSignal: async ({ cut, flows }) => {
      for (const peer of cut) peer.stopReading();
      await held(flows, 200, MOST_PATIENCE);
    },
    afterSignal: async ({ cut, random }) => {
      if (random.next() < 0.5) return;
      await pause(random.between(0, 1000));
      for (const peer of cut) peer.readOn();
    },
  },
};
