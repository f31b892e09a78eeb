import { Meter } from '../../lib/index.ts';
import { Server, stopServers } from '../support/server.ts';
import { until } from '../support/until.ts';

afterEach(stopServers);

/** Names whose list is as long as a line. */
const CROWD = 600;

const longName = (index: number) => `n${index}`.padEnd(64, 'x');

/** A server with a crowd. */
async function crowded(count: number, meter?: Meter): Promise<Server> {
  const server = await Server.start({ meter });
  for (let index = 0; index < count; index += 100) {
    const some = Array.from({ length: 100 }, (_, offset) => server.login(longName(index + offset)));
    await Promise.all(some);
  }
  return server;
}

describe('who asks for much and reads nothing', () => {
  it.each([
    ['many /who', ''],
    ['many /who behind a line that is long', `n1: ${'x'.repeat(60_000)}\n`],
    ['many /who behind a line that is too long', `${'x'.repeat(70_000)}\n`],
  ])('by %s, is held, and others are answered meanwhile', async (_what, before) => {
    const meter = new Meter();
    const server = await crowded(CROWD, meter);
    const [alice, bob] = [await server.login('alice'), await server.login('bob')];
    let most = 0;
    const look = setInterval(() => (most = Math.max(most, meter.read().pending)), 1);
    alice.socket.pause();
    // The answers would be 470 MB.
    alice.send(before + '/who\n'.repeat(12_000));
    for (let ping = 0; ping < 20; ping += 1) await bob.settled();
    await until(() => meter.read().held > 0, 'alice to be held');
    for (let ping = 0; ping < 20; ping += 1) await bob.settled();
    clearInterval(look);
    expect(most).toBeGreaterThan(0);
    // A 64th of what may wait, and what one slice of her lines brings about beyond that.
    expect(most).toBeLessThan(2 * 2 ** 20);
    expect(server.failure).toBeUndefined();
  });

  it('gets all answers, in order, as soon as it reads', async () => {
    const server = await crowded(CROWD);
    const alice = await server.login('alice');
    alice.socket.pause();
    for (let index = 0; index < 300; index += 1) alice.send(`/who\n/ping ${index}\n`);
    alice.send('/quit\n');
    await server.converse('bob\n');
    alice.socket.resume();
    await alice.whole();
    const [who = ''] = alice.lines.slice(1);
    expect(who).toMatch(/^\* who 60[12]: /);
    const answers = Array.from({ length: 300 }, (_, index) => `* pong ${index}`);
    expect(alice.lines.filter((line) => line.startsWith('* pong'))).toEqual(answers);
    expect(alice.lines.filter((line) => line.startsWith('* who'))).toHaveLength(300);
  });
});

describe('the answer to /who', () => {
  it('is no longer than a line may be, and says so', async () => {
    const server = await Server.start({ maxLine: 1000 });
    for (let index = 0; index < 20; index += 1) await server.login(longName(index));
    const alice = await server.login('alice');
    alice.send('/who\n');
    await alice.heard('* who ');
    await alice.settled();
    const [who = ''] = alice.lines.filter((line) => line.startsWith('* who'));
    expect(Buffer.byteLength(`${who}\n`)).toBeLessThanOrEqual(1001);
    expect(who).toMatch(/^\* who 21: (n\d+x+, )+\.\.\.$/);
    // As many as fit.
    expect(Buffer.byteLength(who) + ', '.length + 64).toBeGreaterThan(1000);
  });
});

describe('a line with many recipients', () => {
  const limit = 10;
  const names = (count: number) => Array.from({ length: count }, (_, index) => `n${index}`);

  async function chat() {
    const server = await Server.start({ maxRecipients: limit });
    const alice = await server.login('alice');
    const [bob] = await Promise.all(names(limit + 1).map((name) => server.login(name)));
    if (bob === undefined) throw new Error('somebody logged in');
    return { alice, bob };
  }

  it('has as many as it may', async () => {
    const { alice, bob } = await chat();
    alice.send(`${names(limit).join(', ')}: hi\n/quit\n`);
    expect(await alice.whole()).toBe('* welcome alice\n* closing quit: accepted 1, delivered 0\n');
    await bob.heard('from alice: hi\n');
  });

  it('goes to nobody if it has more, is not accepted, and its sender goes on', async () => {
    const { alice, bob } = await chat();
    const many = `${names(limit + 1).join(',')}: no\n`;
    alice.send(`n0: first\n${many}${many}n0: last\n/quit\n`);
    await alice.whole();
    expect(alice.lines).toEqual([
      '* welcome alice',
      expect.stringMatching(`^! too-many-recipients ${limit}: .`),
      expect.stringMatching(`^! too-many-recipients ${limit}: .`),
      '* closing quit: accepted 2, delivered 0',
    ]);
    await bob.heard('from alice: last\n');
    expect(bob.text).toBe('* welcome n0\nfrom alice: first\nfrom alice: last\n');
  });

  it('has each of them once: neither the same again nor nothing counts', async () => {
    const { alice, bob } = await chat();
    const twice = [...names(limit), ...names(limit), '', ' ', ...names(limit)];
    alice.send(`${twice.join(' ,')}: hi\n/quit\n`);
    expect(await alice.whole()).toBe('* welcome alice\n* closing quit: accepted 1, delivered 0\n');
    await bob.settled();
    expect(bob.text.match(/from alice: hi\n/g)).toHaveLength(1);
  });

  it('may be of those who are not here: each is told, once', async () => {
    const { alice } = await chat();
    alice.send(`${names(limit).join(',').replaceAll('n', 'm')}: hi\n/quit\n`);
    await alice.whole();
    expect(alice.lines.filter((line) => line.startsWith('! not-connected m'))).toHaveLength(limit);
    expect(alice.lines.at(-1)).toBe('* closing quit: accepted 1, delivered 0');
  });
});
