import { isAscii, skeleton } from '../../lib/protocol/skeleton.ts';
import type { Peer } from '../support/peer.ts';
import { Server, stopServers } from '../support/server.ts';

afterEach(stopServers);

/**
 * With a Cyrillic first letter, a Greek capital for its second, an invisible joiner, a full-width letter,
 * blanks.
 */
const LIKE_ALICE = [
  ...['alice\u2800', '\u2800 alice', 'alice\u3164', 'alice \ufe0f', 'alice\u{1d159}\u115f'],
  ...['\u0430lice', 'a\u0399ice', 'al\u034fice', 'ali\uff43e', '\u{1d41a}lice'],
];

/** Resolves when the name is free again. */
async function quit(peer: Peer): Promise<void> {
  await peer.quit();
}

describe('a skeleton', () => {
  it.each([
    ['paypal', '\u0440\u0430ypal'],
    ['scope', '\u0455\u0441\u043e\u0440\u0435'],
    ['modem', 'modern'],
    ['10', 'lO'],
    ['a-b', 'a\u2010b'],
    ['a b', 'a\u00a0b'],
    ['Zo\u00eb', 'Z\u03bf\u0435\u0308'],
    ['shalom', 'sha\u2160om'],
    ['\u{1f642}', '\u{1f642}\ufe0f'],
  ])('of %j is that of %j', (one, other) => {
    expect(skeleton(one)).toBe(skeleton(other));
  });

  it.each([
    ['alice', 'Alice'],
    ['alice', 'alic\u00e9'],
    ['Zoe', 'Zo\u00eb'],
    ['bob', '\u0431ob'],
    ['\u0416', '\u6f22'],
  ])('of %j is not that of %j', (one, other) => {
    expect(skeleton(one)).not.toBe(skeleton(other));
  });

  it('of a skeleton is the same again', () => {
    for (const name of LIKE_ALICE) expect(skeleton(skeleton(name))).toBe(skeleton('alice'));
  });

  it('is needed where a character is not ASCII', () => {
    expect([isAscii(''), isAscii('a\x7f'), isAscii('a\x80'), isAscii('\u{1f642}')]).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });
});

describe('a login', () => {
  it.each(LIKE_ALICE)('as %j is refused while alice is here, and welcome when she has left', async (name) => {
    const server = await Server.start();
    const alice = await server.login('alice');
    const other = server.connect();
    other.send(`${name}\n`);
    await other.heard(`! name-taken ${name}: it looks like the name of somebody here, try another\n`);
    expect(server.all('refused')).toMatchObject([{ code: 'name-taken', name }]);

    await quit(alice);
    other.send(`${name}\n`);
    await other.heard(`* welcome ${name}\n`);
  });

  it.each(LIKE_ALICE)(
    'as alice is refused while %j is here, and welcome when they have left',
    async (name) => {
      const server = await Server.start();
      const other = await server.login(name);
      const alice = server.connect();
      alice.send('alice\n');
      await alice.heard('! name-taken alice: ');
      alice.send('bob\n');
      await alice.heard('* welcome bob\n');

      await quit(other);
      await server.login('alice');
    },
  );

  it('is refused where neither name is ASCII', async () => {
    const server = await Server.start();
    await server.login('\u0430lice');
    expect(await server.converse('al\u0456ce\n')).toMatch(/^! name-taken al\u0456ce: it looks like /);
  });

  it('as one of two ASCII names that look alike is not', async () => {
    const server = await Server.start();
    for (const name of ['alice', 'aIice', 'a1ice', 'Alice']) await server.login(name);
    // They are told apart also once names that are not ASCII are compared with them.
    await server.login('Zo\u00eb');
    await server.login('al|ce');
    expect(await server.converse('\u0430lice\n')).toMatch(/^! name-taken /);
  });

  it('of ASCII names alone computes no look at all', async () => {
    const normalize = jest.spyOn(String.prototype, 'normalize');
    const looks = () => normalize.mock.calls.filter(([form]) => form === 'NFD').length;
    const server = await Server.start();
    const peers = [await server.login('alice'), await server.login('aIice')];
    for (const peer of peers) await quit(peer);
    await server.login('alice');
    expect(looks()).toBe(0);
    await server.login('Zo\u00eb');
    expect(looks()).toBeGreaterThan(0);
    normalize.mockRestore();
  });

  it('frees its look only when the last that has it leaves', async () => {
    const server = await Server.start();
    await server.login('Zo\u00eb');
    const [first, second] = [await server.login('alice'), await server.login('aIice')];
    await quit(first);
    expect(await server.converse('\u0430lice\n')).toMatch(/^! name-taken /);
    await quit(second);
    expect(await server.converse('\u0430lice\n')).toMatch(/^\* welcome /);
  });
});
