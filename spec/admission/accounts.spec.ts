import crypto from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { Subject } from 'rxjs';
import { Accounts } from '../../lib/admission/accounts.ts';
import { account, accountsFile, removeDirectories } from '../support/accounts.ts';
import type { Peer } from '../support/peer.ts';
import { Server, stopServers } from '../support/server.ts';
import { until } from '../support/until.ts';

afterEach(() => {
  jest.restoreAllMocks();
  stopServers();
  removeDirectories();
});

/** ms that a wrong login waits for its answer. */
const DELAY = 1000;

/** Holds each check of a password, which `begun` counts, until `goOn` lets those go on that are held. */
function heldChecks(): { readonly begun: () => number; readonly goOn: () => void } {
  const { scrypt } = crypto;
  const held: (() => void)[] = [];
  const spy = jest.spyOn(crypto, 'scrypt').mockImplementation((...args) => {
    held.push(() => {
      scrypt(...args);
    });
  });
  return {
    begun: () => spy.mock.calls.length,
    goOn: () => {
      for (const check of held.splice(0)) check();
    },
  };
}

const WRONG = 'wrong name or password';

const file = () =>
  accountsFile('# Who may come in.', '', account('alice', 's3cret'), account('bob', 'hunter2'));

function say(server: Server, text: string): Peer {
  const peer = server.connect();
  peer.send(text);
  return peer;
}

describe('an account', () => {
  it('comes in with its password, and has the name before the colon', async () => {
    const server = await Server.start({ accounts: file() });
    const alice = say(server, 'alice:s3cret\n');
    await alice.heard('* welcome alice\n');
    const bob = say(server, 'bob:hunter2\nalice: hi\n/who\n');
    await bob.heard('* who 2: alice, bob\n');
    await alice.heard('from bob: hi\n');
    expect(server.all('joined').map(({ name }) => name)).toEqual(['alice', 'bob']);
  });

  it.each([
    ['a colon', 'a:b:'],
    ['blanks inside', 'correct horse  battery'],
    ['what is not ASCII, composed or not', 'Zo\u00eb'],
    ['a hash of its own', '$scrypt$'],
  ])('may have a password with %s', async (_what, password) => {
    const server = await Server.start({ accounts: accountsFile(account('Zo\u00eb', password)) });
    const zoe = say(server, ` Zoe\u0308 : ${password.normalize('NFD')} \r\n`);
    await zoe.heard('* welcome Zo\u00eb\n');
  });

  it.each([
    ['a wrong password', 'alice:S3cret', WRONG],
    ['an empty one', 'alice:', WRONG],
    ['somebody else\u2019s', 'alice:hunter2', WRONG],
    ['none', 'alice', 'log in with <name>:<password>'],
  ])('is refused with %s, after a while, and may try again', async (_what, line, why) => {
    const server = await Server.start({ accounts: file() });
    const alice = say(server, `${line}\n`);
    const sent = performance.now();
    await alice.heard(`! auth-failed alice: ${why}\n`);
    expect(performance.now() - sent).toBeGreaterThan(DELAY - 50);
    expect(server.all('refused')).toMatchObject([{ code: 'auth-failed', name: 'alice' }]);
    alice.send('alice:s3cret\n');
    await alice.heard('* welcome alice\n');
  });

  it('is not told from a name that has none: same words, same work', async () => {
    const accounts = accountsFile(account('alice', 's3cret', 6));
    const server = await Server.start({ accounts });
    const scrypt = jest.spyOn(crypto, 'scrypt');
    const [alice, nobody] = [say(server, 'alice:x\n'), say(server, 'nobody:x\n')];
    await alice.heard(`! auth-failed alice: ${WRONG}\n`);
    await nobody.heard(`! auth-failed nobody: ${WRONG}\n`);
    const costs = scrypt.mock.calls.map(([, , bytes, cost]) => [bytes, cost]);
    expect(costs).toEqual([costs[0], costs[0]]);
    expect(costs[0]).toMatchObject([32, { N: 64, r: 8, p: 1 }]);
    // The name of nobody may be a password in the wrong place.
    expect(server.all('refused').map(({ name }) => name)).toEqual(
      expect.arrayContaining(['alice', undefined]),
    );
  });

  it('is compared in constant time', async () => {
    const equal = jest.spyOn(crypto, 'timingSafeEqual');
    const accounts = Accounts.read(file());
    expect(await accounts.check('alice', 's3cret')).toBe(true);
    expect(await accounts.check('alice', 'x')).toBe(false);
    expect(await accounts.check('nobody', 's3cret')).toBe(false);
    expect(equal).toHaveBeenCalledTimes(3);
  });

  it('costs as much to deny where the file holds none', async () => {
    const scrypt = jest.spyOn(crypto, 'scrypt');
    expect(await Accounts.read(accountsFile()).check('nobody', 'x')).toBe(false);
    expect(scrypt.mock.calls).toMatchObject([['x', {}, 32, { N: 2 ** 15, r: 8, p: 3 }, {}]]);
  });

  it('is checked off the event loop: the others talk on', async () => {
    const server = await Server.start({ accounts: file() });
    const alice = say(server, 'alice:s3cret\n');
    await alice.heard('* welcome alice\n');
    const checks = heldChecks();
    const bob = say(server, 'bob:hunter2\n');
    await until(() => checks.begun() === 1, 'the check');
    for (let round = 0; round < 5; round += 1) await alice.settled();
    expect(bob.text).toBe('');
    checks.goOn();
    await bob.heard('* welcome bob\n');
  });
});

describe('what is said with a login', () => {
  it('waits behind it, in order, and so does the end of input', async () => {
    const server = await Server.start({ accounts: file() });
    const bob = say(server, 'bob:hunter2\n');
    await bob.heard('* welcome bob\n');
    const alice = say(server, '\n  \nalice:s3cret\nbob: 1\n/ping\nbob: 2\n');
    alice.send('bob: 3\n');
    alice.end();
    expect(await alice.whole()).toBe('* welcome alice\n* pong\n* closing eof: accepted 3, delivered 0\n');
    await bob.heard('from alice: 1\nfrom alice: 2\nfrom alice: 3\n');
  });

  it('is taken in order though it is more than is taken at a time', async () => {
    const server = await Server.start({ accounts: file() });
    const bob = say(server, 'bob:hunter2\n');
    await bob.heard('* welcome bob\n');
    const count = 20_000;
    const lines = Array.from({ length: count }, (_, index) => `bob:${index}\n`);
    const alice = say(server, `alice:s3cret\n${lines.join('')}`);
    alice.end();
    expect(await alice.whole()).toBe(`* welcome alice\n* closing eof: accepted ${count}, delivered 0\n`);
    await bob.heard(`from alice: ${count - 1}\n`);
    expect(bob.text).toBe(['* welcome bob\n', ...lines].join('').replaceAll('bob:', 'from alice: '));
  });

  it('is the next try where the login is refused', async () => {
    const server = await Server.start({ accounts: file() });
    const alice = say(server, 'alice:x\nalice:s3cret\n/ping\n');
    await alice.heard(`! auth-failed alice: ${WRONG}\n* welcome alice\n* pong\n`);
  });

  it('is not accepted where a drain comes during the check', async () => {
    const shutdown$ = new Subject<void>();
    const server = await Server.start({ accounts: file(), shutdown$, lingerTimeout: 50 });
    const checks = heldChecks();
    const alice = say(server, 'alice:s3cret\nalice: hi\n');
    await until(() => checks.begun() === 1, 'the check');
    shutdown$.next();
    checks.goOn();
    expect(await alice.whole()).toBe('* closing shutdown: accepted 0, delivered 0\n');
    await server.drained();
    expect(server.all('joined')).toEqual([]);
  });

  it('has no effect where the connection breaks during the check', async () => {
    const server = await Server.start({ accounts: file() });
    const checks = heldChecks();
    const alice = say(server, 'alice:s3cret\nalice: hi\n');
    await until(() => checks.begun() === 1, 'the check');
    alice.reset();
    await server.told('left');
    checks.goOn();
    const next = say(server, 'alice:s3cret\n');
    await until(() => checks.begun() === 2, 'the next check');
    checks.goOn();
    await next.heard('* welcome alice\n');
    expect(server.all('joined')).toHaveLength(1);
  });

  it('is read as without accounts as far as it is no login', async () => {
    const server = await Server.start({ accounts: file(), maxLine: 64 });
    const text = await server.converse(
      `${'x'.repeat(65)}\n/bob:s3cret\n:s3cret\nGET / HTTP/1.1\nalice:s3cret\n`,
    );
    expect(text.split('\n')).toEqual([
      '! line-too-long 64: a line has at most that many bytes; yours was dropped',
      expect.stringMatching('^! name-invalid /bob: '),
      expect.stringMatching('^! name-invalid: '),
      expect.stringMatching('^! not-chat: '),
      '* closing not-chat: accepted 0, delivered 0',
      '',
    ]);
  });
});

describe('whoever tries passwords', () => {
  it('is disconnected after the third wrong one of a connection', async () => {
    const server = await Server.start({ accounts: file() });
    const peer = say(server, 'alice:1\nalice:2\nalice\nalice:s3cret\n');
    expect(await peer.whole()).toMatch(
      /^! auth-failed alice: .*\n! auth-failed alice: .*\n! auth-failed alice: .*\n\* closing auth-failed: accepted 0, delivered 0\n$/,
    );
    expect(server.all('refused').map(({ code }) => code)).toEqual(Array(3).fill('auth-failed'));
  });

  it('is not listened to after ten of an address, and those who are here stay', async () => {
    const server = await Server.start({ accounts: file() });
    const bob = say(server, 'bob:hunter2\n');
    await bob.heard('* welcome bob\n');
    const peers = [1, 2, 3, 4].map(() => say(server, 'alice:1\nalice:2\nalice:3\n'));
    for (const peer of peers) await peer.whole();
    const alice = say(server, 'alice:s3cret\n');
    expect(await alice.whole()).toBe(
      '! auth-failed alice: too many wrong logins from your address, try again later\n' +
        '* closing auth-failed: accepted 0, delivered 0\n',
    );
    await bob.settled();
  });

  it('is counted also where it hangs up during the check', async () => {
    const server = await Server.start({ accounts: file() });
    const checks = heldChecks();
    const compared = jest.spyOn(crypto, 'timingSafeEqual');
    for (let count = 1; count <= 10; count += 1) {
      const peer = say(server, 'alice:x\n');
      await until(() => checks.begun() === count, 'the check');
      peer.reset();
      await until(() => server.all('left').length === count, 'the hanging up');
      checks.goOn();
      await until(() => compared.mock.calls.length === count, 'the end of the check');
    }
    const alice = say(server, 'alice:s3cret\n');
    await alice.heard('! auth-failed alice: too many wrong logins from your address');
    expect(checks.begun()).toBe(10);
  });

  it('finds no more than so many checks under way', async () => {
    const server = await Server.start({ accounts: file() });
    const checks = heldChecks();
    const peers = Array.from({ length: 300 }, () => say(server, 'alice:s3cret\n'));
    const turnedAway = () =>
      peers.filter(({ text }) => text.startsWith('! server-full alice: too many logins at once'));
    // Two are under way, 256 wait.
    await until(() => turnedAway().length >= 300 - 258, 'the refusals');
    checks.goOn();
    await until(() => server.all('joined').length > 0, 'a login');
    expect(turnedAway()).toHaveLength(300 - 258);
    expect(await turnedAway()[0]?.whole()).toMatch(/\* closing server-full: accepted 0, delivered 0\n$/);
  });
});

describe('a guest', () => {
  it('is refused unless told otherwise', async () => {
    const server = await Server.start({ accounts: file() });
    const carol = say(server, 'carol\n');
    await carol.heard('! auth-failed carol: log in with <name>:<password>\n');
  });

  it('comes in without a password where guests may, but not under the name of an account', async () => {
    const server = await Server.start({ accounts: file(), guests: true });
    const carol = say(server, 'carol\n/ping\n');
    await carol.heard('* welcome carol\n* pong\n');
    const other = say(server, 'carol\nalice\ndave:x\ndave\n');
    await other.heard('! name-taken carol: ');
    await other.heard('* welcome dave\n');
    expect(other.lines.slice(1)).toEqual([
      '! auth-failed alice: log in with <name>:<password>',
      `! auth-failed dave: ${WRONG}`,
      '* welcome dave',
    ]);
  });
});

describe('a guest whose name looks like that of an account', () => {
  it.each([
    ['\u0430lice', 'alice'],
    ['Z0\u00eb', 'ZO\u00eb'],
    ['aiice', '\u0430iice'],
  ])('is refused, and keeps nobody out: %s for %s', async (posing, name) => {
    const server = await Server.start({ accounts: accountsFile(account(name, 's3cret')), guests: true });
    const guest = say(server, `${posing}\n`);
    await guest.heard(`! name-taken ${posing}: it looks like the name of an account, try another\n`);
    await say(server, `${name}:s3cret\n`).heard(`* welcome ${name}\n`);
    guest.send('carol\n');
    await guest.heard('* welcome carol\n');
  });

  it('has no more wrong passwords for it', async () => {
    const server = await Server.start({ accounts: file(), guests: true });
    const guest = say(server, `${'\u0430lice\n'.repeat(5)}alice:1\nalice:2\nalice:3\n`);
    const lines = (await guest.whole()).split('\n');
    expect(lines.filter((line) => line.startsWith('! auth-failed'))).toHaveLength(3);
    expect(lines.at(-2)).toBe('* closing auth-failed: accepted 0, delivered 0');
  });

  it('that is ASCII, as the account is, comes in', async () => {
    const server = await Server.start({ accounts: file(), guests: true });
    await say(server, 'aIice\n').heard('* welcome aIice\n');
  });
});

describe('a right password', () => {
  it('takes the name back from an older connection, which is told', async () => {
    const server = await Server.start({ accounts: file() });
    const bob = say(server, 'bob:hunter2\n');
    await bob.heard('* welcome bob\n');
    const old = say(server, 'alice:s3cret\nbob: 1\n');
    await bob.heard('from alice: 1\n');
    bob.send('alice: for the old one\n');
    await old.heard('from bob: for the old one\n');

    const wrong = say(server, 'alice:x\n');
    await wrong.heard('! auth-failed alice: ');
    expect(old.ended).toBe(false);

    const next = say(server, 'alice:s3cret\n');
    await next.heard('* welcome alice\n');
    expect(await old.whole()).toMatch(/\* closing replaced: accepted 1, delivered 1\n$/);
    bob.send('alice: for the new one\n/who\n');
    await bob.heard('* who 2: bob, alice\n');
    await next.heard('from bob: for the new one\n');
    old.end();
    expect(await server.told('left')).toMatchObject({ name: 'alice', reason: 'replaced', abandoned: 0 });
  });

  it('does so too for a name that is not ASCII', async () => {
    const server = await Server.start({ accounts: accountsFile(account('Zo\u00eb', 'x')) });
    for (let round = 0; round < 2; round += 1)
      await say(server, 'Zo\u00eb:x\n').heard('* welcome Zo\u00eb\n');
    const other = say(server, 'Zo\u00eb:x\n/who\n');
    await other.heard('* who 1: Zo\u00eb\n');
  });

  it('leaves nothing uncounted of what waited for a connection that is gone', async () => {
    const server = await Server.start({ accounts: file(), writeTimeout: 1000, maxPending: 2 ** 26 });
    const old = say(server, 'alice:s3cret\n');
    await old.heard('* welcome alice\n');
    old.socket.pause();
    const bob = say(server, 'bob:hunter2\n');
    const count = 3000;
    bob.send(`alice: ${'x'.repeat(8000)}\n`.repeat(count));
    bob.send('bob: done\n');
    await until(() => server.all('joined').length === 2, 'bob');
    const next = say(server, 'alice:s3cret\n');
    await next.heard('* welcome alice\n');
    const left = await server.told('left', ({ name }) => name === 'alice');
    expect(left.abandoned).toBeGreaterThan(0);
    await bob.heard('from bob: done\n');
    const atOld = left.delivered + left.abandoned;
    await until(() => next.lines.length - 1 === count - atOld, 'the rest');
    expect(next.lines.slice(1).every((line) => line.startsWith('from bob: xxx'))).toBe(true);
  });

  it('does not help where the name looks like one that is here', async () => {
    const server = await Server.start({
      accounts: accountsFile(account('alice', 's3cret'), account('\u0430lice', 'x')),
    });
    await say(server, '\u0430lice:x\n').heard('* welcome');
    await say(server, 'alice:s3cret\n').heard('! name-taken alice: it looks like ');
  });
});

describe('the file', () => {
  it('is read again when asked for; whoever is here stays', async () => {
    const reload$ = new Subject<void>();
    const accounts = file();
    const server = await Server.start({ accounts, reload$ });
    const alice = say(server, 'alice:s3cret\n');
    await alice.heard('* welcome alice\n');
    writeFileSync(accounts, `${account('carol', 'x')}\n`);
    reload$.next();
    await server.told('reloaded');
    await say(server, 'carol:x\n').heard('* welcome carol\n');
    await say(server, 'bob:hunter2\n').heard('! auth-failed bob: ');
    await alice.settled();
  });

  it.each([
    ['no account', 'carol', 'no hash'],
    ['a password instead of a hash', 'carol:s3cret', 'no hash'],
    [
      'a hash that would take gigabytes',
      'carol:$scrypt$ln=25,r=8,p=1$AAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA',
      'no hash',
    ],
    [
      'a hash that costs nothing',
      'carol:$scrypt$ln=0,r=8,p=1$AAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA',
      'no hash',
    ],
    ['what is no name', `/x${account('', 'x')}`, 'no account begins like that'],
    ['a name twice', account('alice', 'x'), 'the same name again'],
  ])('with %s in it is not taken, and the line is named', async (_what, line, why) => {
    const reload$ = new Subject<void>();
    const accounts = file();
    const server = await Server.start({ accounts, reload$ });
    writeFileSync(accounts, `${account('alice', 'new')}\n\n${line}\n`);
    reload$.next();
    const { message } = await server.told('reload-failed');
    expect(message).toMatch(new RegExp(`^${accounts}, line 3: ${why}`));
    expect(message).not.toContain('s3cret');
    await say(server, 'alice:s3cret\n').heard('* welcome alice\n');

    const late = new Server({ accounts });
    expect(late.failure).toMatchObject({ message });
  });
});
