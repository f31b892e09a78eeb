import type { LogLine } from '../spec/support/program.ts';
import { type Cast, type Ending, QUICK, type Scenario, enterAtRisk, pairs, pause } from './cast.ts';
import { silentCrowd } from './crowds.ts';

const ENDINGS: [Ending, ...Ending[]] = ['SIGINT', 'SIGTERM', 'SIGQUIT'];

/**
 * ms after which the server takes a second signal for one that is meant, and some more for it to be heard.
 */
const MEANT = 700;

/** Sessions of which the log has something to say. */
const LOGGED = 200;

/** Where the log says that it is whole, each session has its end in it. */
function gaps({ whole, crowd }: Cast, log: readonly LogLine[]): string[] {
  const isWhole =
    log.some(({ event }) => event === 'drained') && !log.some(({ event }) => event === 'lines-missing');
  if (!isWhole) return [];
  const told = new Set(log.filter(({ event }) => event === 'left').map(({ name }) => name));
  return [...whole, ...crowd]
    .filter(({ name }) => !told.has(name))
    .map(({ name }) => `the log lacks the end of ${name}`);
}

/** More than one signal, and a log that cannot be written. */
export const endings: Readonly<Record<string, Scenario>> = {
  'second-signal': {
    about: 'a second signal, of either kind, ends a drain that slow readers hold up',
    ...QUICK,
    exits: [0, 130, 131, 143],
    setUp: async (cast) => {
      for (let index = 0; index < 3; index += 1) {
        const slow = await enterAtRisk(cast, `slow-${index}`, { readEvery: 20 });
        cast.flows.push({ from: await enterAtRisk(cast, `sender-${index}`), to: [slow.name] });
      }
    },
    afterSignal: async ({ random }, signal) => {
      await pause(MEANT + random.between(0, 100));
      signal(random.pick(ENDINGS));
    },
  },
  'signals-in-pairs': {
    about: 'a launcher and a terminal both signal while receivers read slowly: everybody is whole',
    ...QUICK,
    exits: [0],
    setUp: (cast) => pairs(cast, cast.random.between(1, 4), { readEvery: cast.random.between(2, 12) }),
    afterSignal: async ({ random }, signal) => {
      for (let more = random.between(1, 3); more > 0; more -= 1) {
        await pause(random.between(0, 30));
        signal(random.pick(ENDINGS));
      }
    },
  },
  'log-trouble': {
    about: 'the log cannot be written, or nobody reads it: everybody is whole',
    ...QUICK,
    exits: [],
    // Who closes a pipe misses nothing.
    troubles: { full: [1], unread: [1], late: [0, 1], closed: [0] },
    setUp: async (cast) => {
      await silentCrowd(cast, LOGGED);
      await pairs(cast, cast.random.between(1, 4));
    },
    beforeSignal: async ({ log, random }) => {
      if (log?.trouble !== 'closed' || random.next() < 0.5) return;
      log.close();
      await pause(random.between(0, 300));
    },
    afterSignal: async ({ log, random }) => {
      await pause(random.between(0, 700));
      if (log?.trouble === 'closed') log.close();
      if (log?.trouble === 'late') log.readOn();
    },
    check: gaps,
  },
};
