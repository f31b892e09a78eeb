import { until } from '../spec/support/until.ts';
import { balance } from './books.ts';
import { type Cast, QUICK, type Scenario, enter, pairs, pause } from './cast.ts';
import { Peer } from './peer.ts';

/** Peers come, flood `other`, and break their connections. */
async function quarrel(cast: Cast, name: string, other: string): Promise<void> {
  for (let turn = cast.random.between(1, 6); turn > 0; turn -= 1) {
    const peer = new Peer(cast.place, name);
    cast.others.push(peer);
    await peer.login();
    peer.flood([other]);
    await pause(cast.random.between(0, 40));
    peer.reset();
    await pause(20);
  }
}

/**
 * One session after the other of that name, each with another end, for as long as the server lets them in.
 */
async function comeAndGo(cast: Cast, name: string, address: string): Promise<void> {
  const { random } = cast;
  for (;;) {
    const peer = new Peer(cast.place, name, { address }, { midway: true });
    const { transcript } = peer;
    cast.others.push(peer);
    peer.type(`${name}\n`);
    await until(() => transcript.welcome || transcript.refused || peer.closed, `the login of ${name}`);
    if (transcript.welcome) {
      cast.fleeting.push(peer);
      await breakOff(
        peer,
        random.pick(['at once', 'reads', 'rests', 'rests', 'leaves']),
        random.between(0, 600),
      );
    } else if (peer.closed) {
      return;
    } else {
      // The one before it is not gone yet.
      peer.destroy();
      await pause(1);
    }
  }
}

async function breakOff(
  peer: Peer,
  manner: 'at once' | 'reads' | 'rests' | 'leaves',
  after: number,
): Promise<void> {
  switch (manner) {
    case 'at once':
      peer.destroy();
      return;
    case 'reads':
      await pause(after);
      peer.reset();
      return;
    case 'rests':
      // What it does not read is in its system, in the server's, and in the server.
      peer.stopReading();
      await pause(after);
      peer.reset();
      return;
    case 'leaves':
      await pause(after);
      peer.hangUp();
      await until(() => peer.closed, 'the server to let go');
  }
}

/** Connections that break. */
export const breaks: Readonly<Record<string, Scenario>> = {
  resets: {
    about: 'peers come, flood each other and break their connections; everybody else is whole',
    ...QUICK,
    exits: [0, 1],
    setUp: async (cast) => {
      await pairs(cast, 2);
      void quarrel(cast, 'here', 'gone').catch(() => {});
      void quarrel(cast, 'gone', 'here').catch(() => {});
    },
  },
  'resets-in-flight': {
    about: 'receivers break off with much on its way, and come again: each message is told or counted',
    ...QUICK,
    exits: [0, 1],
    setUp: async (cast) => {
      await pairs(cast, 1);
      for (let index = cast.random.between(1, 4); index > 0; index -= 1) {
        const name = `fleeting-${index}`;
        const senders = [await enter(cast, `writer-${index}`), await enter(cast, `other-writer-${index}`)];
        // Of one address not all ends are told one by one.
        void comeAndGo(cast, name, `127.0.0.${1 + index}`).catch((failure: unknown) =>
          cast.faults.push(String(failure)),
        );
        for (const sender of senders) sender.flood([name]);
      }
    },
    beforeSignal: ({ random }) => pause(random.between(300, 2000)),
    check: balance,
  },
};
