import { Subject } from 'rxjs';
import { Meter } from '../../lib/index.ts';
import { WriteBatches } from '../../lib/writers/write-batches.ts';
import { Roster } from '../../lib/broker/roster.ts';
import { Server, stopServers } from '../support/server.ts';

const failure = new Error('this is a bug');

function fail(): never {
  throw failure;
}

afterEach(() => {
  jest.restoreAllMocks();
  stopServers();
});

/** A server with a few who are here. */
async function chat() {
  const meter = new Meter();
  const shutdown$ = new Subject<void>();
  const server = await Server.start({ meter, shutdown$, lingerTimeout: 100 });
  const [alice, bob, carol] = [
    await server.login('alice'),
    await server.login('bob'),
    await server.login('carol'),
  ];
  /** The others go on, and a shutdown is as ever. */
  const goesOn = async (abandoned: number) => {
    expect(server.all('bug')).toEqual([{ type: 'bug', name: 'alice', remote: alice.address, failure }]);
    expect(meter.bugs).toBe(1);
    expect(meter.endings.get('internal-error')).toBe(1);
    bob.send('carol: still here\n');
    await carol.heard('from bob: still here\n');
    const again = await server.login('alice');
    again.send('bob: again\n');
    await bob.heard('from alice: again\n');
    shutdown$.next();
    await server.drained();
    expect(server.failure).toBeUndefined();
    expect(server.all('drained')).toMatchObject([{ report: { sessions: 3, abandoned } }]);
  };
  return { server, alice, bob, carol, goesOn };
}

describe('a failure of the server while it serves a session', () => {
  it('ends that session alone; what it had sent before is delivered', async () => {
    const { server, alice, bob, goesOn } = await chat();
    jest.spyOn(Roster.prototype, 'tellWho').mockImplementationOnce(fail);
    alice.send('bob: before\n/who\nbob: after\n/ping\n');
    expect(await alice.whole()).toBe('* welcome alice\n* closing internal-error: accepted 1, delivered 0\n');
    await bob.heard('from alice: before\n');
    const left = await server.told('left');
    expect(left).toMatchObject({ name: 'alice', reason: 'internal-error', accepted: 1, abandoned: 0 });
    await goesOn(0);
    expect(bob.text).not.toContain('after');
  });

  it('while it looks for a recipient ends the sender, and no recipient', async () => {
    const { server, alice, bob, goesOn } = await chat();
    jest.spyOn(Roster.prototype, 'seatOf').mockImplementationOnce(fail);
    alice.send('bob, carol: lost\nbob: after\n');
    expect(await alice.whole()).toBe('* welcome alice\n* closing internal-error: accepted 0, delivered 0\n');
    expect(await server.told('left')).toMatchObject({ name: 'alice', accepted: 0 });
    await goesOn(0);
    expect(bob.text).not.toMatch(/lost|after/);
  });

  it('while it writes to a recipient ends that one, and counts what it did not get', async () => {
    const { server, alice, bob, carol, goesOn } = await chat();
    const packing = new WriteBatches();
    const pack = packing.pack.bind(packing);
    jest.spyOn(WriteBatches.prototype, 'pack').mockImplementation((payloads) => {
      if (payloads.some(({ bytes }) => bytes.includes('poison'))) fail();
      return pack(payloads);
    });
    bob.send('carol: first\nalice: poison\ncarol: last\n');
    await carol.heard('from bob: first\nfrom bob: last\n');
    await alice.whole();
    const left = await server.told('left');
    expect(left).toMatchObject({ name: 'alice', reason: 'internal-error', delivered: 0, abandoned: 1 });
    await goesOn(0);
  });
});
