import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { NEVER, concat, from, of } from 'rxjs';
import { HostCount, hostOf } from '../../lib/protocol/address.ts';
import { WrongLogins } from '../../lib/admission/wrong-logins.ts';
import { Roster } from '../../lib/broker/roster.ts';
import { type Refuse, secure } from '../../lib/listeners/tls.ts';
import { Session } from '../../lib/model/session.ts';
import { Server, stopServers } from '../support/server.ts';

afterEach(stopServers);

/** Spellings beside the host that they are of. */
const HOSTS: [string, string][] = [
  ['127.0.0.1', '127.0.0.1'],
  ['::ffff:1.2.3.4', '1.2.3.4'],
  ['::FFFF:1.2.3.4', '1.2.3.4'],
  ['::ffff:102:304', '1.2.3.4'],
  ['::ffff:1.2.3.4%eth0', '1.2.3.4'],
  ['0:0:0:0:0:ffff:102:304', '1.2.3.4'],
  ['0000:0000:0000:0000:0000:ffff:0102:0304', '1.2.3.4'],
  ['::0:ffff:255.0.0.255', '255.0.0.255'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
  ['2001:DB8:1:2::6', '2001:db8:1:2'],
  ['2001:0db8:0001:0002::', '2001:db8:1:2'],
  ['2001:db8::6', '2001:db8:0:0'],
  ['2001:db8::1:2:3:4', '2001:db8:0:0'],
  ['fe80::1%eth0', 'fe80:0:0:0'],
  ['::1', '0:0:0:0'],
  ['::', '0:0:0:0'],
  ['64:ff9b::1.2.3.4', '64:ff9b:0:0'],
];

/** What is no address is of a host of its own. */
const NONE = ['', 'peer-7', 'a:b', '1::2::3', '1:2:3', 'fffff::', 'ws://[::1]:80'];

describe('the host of an address', () => {
  it.each(HOSTS)('%s is %s', (address, host) => {
    expect(hostOf(address)).toBe(host);
  });

  it.each(NONE)('%j is itself', (address) => {
    expect(hostOf(address)).toBe(address);
  });
});

const NETWORK = ['2001:db8:1:2::1', '2001:db8:1:2::2', '2001:db8:1:2:ffff:ffff:ffff:ffff'];
const ONE_OF_IPV4 = ['::ffff:1.2.3.4', '1.2.3.4', '::ffff:102:304%eth0'];

describe.each([
  ['a /64', NETWORK],
  ['an address of IPv4', ONE_OF_IPV4],
])('%s is one host', (_what, addresses) => {
  const stranger = '2001:db8:1:3::1';

  test('where connections are counted, and those that left no more', () => {
    const roster = new Roster();
    const sessions = addresses.map(
      (address) => new Session(new Duplex(), { through: 'tcp://[::]:1', address, port: 1 }),
    );
    for (const session of sessions) roster.admit(session);
    for (const address of addresses) expect(roster.sessionsFrom(address)).toBe(3);
    expect([roster.sessionsFrom(stranger), roster.sessionsFrom(undefined)]).toEqual([0, 0]);
    for (const session of sessions) roster.leave(session);
    expect(roster.sessionsFrom(addresses[0])).toBe(0);
  });

  test('where wrong logins are', () => {
    const attempts = new WrongLogins();
    for (let count = 0; count < 10; count += 1) attempts.note(addresses[count % addresses.length]);
    for (const address of addresses) expect(attempts.exhausted(address)).toBe(true);
    expect([attempts.exhausted(stranger), attempts.exhausted(undefined)]).toEqual([false, false]);
  });
});

test('what has no address is of no host', () => {
  const count = new HostCount();
  count.add(undefined);
  count.add('');
  expect([count.of(undefined), count.of('')]).toEqual([0, 1]);
});

/** A connection that says nothing. */
function silent(remoteAddress: string): Socket {
  const stream = new Duplex({
    read: () => {},
    write: (_chunk, _encoding, done) => {
      done();
    },
  });
  return Object.assign(stream, { remoteAddress, remotePort: 1 }) as unknown as Socket;
}

test('a /64 has one share of the connections', async () => {
  const connections$ = from(NETWORK.map(silent));
  const server = await Server.start({ connections$, maxConnectionsPerAddress: 2 });
  expect(await server.told('refused')).toMatchObject({
    code: 'too-many-connections',
    remote: `[${NETWORK[2] ?? ''}]:1`,
  });
  expect(server.all('refused')).toHaveLength(1);
});

test('a /64 has one share of the handshakes', () => {
  const sockets$ = from([...NETWORK, '2001:db8:1:3::1'].map(silent));
  const refused: unknown[] = [];
  const options = { handshakeTimeout: 60_000, maxConnectionsPerAddress: 2, requestCert: false };
  const refuse: Refuse = (code, { remoteAddress }) => refused.push([code, remoteAddress]);
  const handshakes = sockets$.pipe(secure(concat(of({}), NEVER), options, refuse)).subscribe();
  handshakes.unsubscribe();
  expect(refused).toEqual([['too-many-connections', NETWORK[2]]]);
});
