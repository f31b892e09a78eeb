import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Subject } from 'rxjs';
import { TLSSocket } from 'node:tls';
import { account, accountsFile, removeDirectories } from '../support/accounts.ts';
import { Authority } from '../support/certificates.ts';
import { Peer } from '../support/peer.ts';
import { Program } from '../support/program.ts';
import { Server, stopServers } from '../support/server.ts';
import { until } from '../support/until.ts';

const folder = mkdtempSync(join(tmpdir(), 'a-chat-'));
const authority = new Authority(folder);
const strangers = new Authority(folder, 'strangers');
const own = authority.issue('server');
const certificates = {
  none: undefined,
  "alice's": authority.issue('alice'),
  "bob's": authority.issue('bob'),
  "a stranger's": strangers.issue('posing', '/CN=alice'),
};

afterEach(async () => {
  jest.restoreAllMocks();
  stopServers();
  await Program.stopAll();
  removeDirectories();
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const TLS = { listen: ['tls://127.0.0.1:0'], tlsCert: own.cert, tlsKey: own.key };
const BOTH = { ...TLS, tlsCa: authority.cert };

const accounts = () => accountsFile(account('alice', 's3cret'), account('bob', 'hunter2'));

/** What a peer needs to reach the server. */
function place(port: number, whose: keyof typeof certificates = 'none') {
  const shown = certificates[whose];
  const files = shown && { cert: readFileSync(shown.cert), key: readFileSync(shown.key) };
  return { port, tls: { ca: authority.ca, ...files } };
}

function say(server: Server, text: string, whose: keyof typeof certificates = 'none'): Peer {
  const peer = server.connect(place(server.port, whose));
  peer.send(text);
  return peer;
}

describe('accounts over TLS', () => {
  test('come in with their passwords, talk, and are drained', async () => {
    const args = ['--listen', 'tls://127.0.0.1:0', '--tls-cert', own.cert, '--tls-key', own.key];
    const program = await Program.serve(...args, '--accounts', accounts());
    const peers = ['alice:s3cret\n', 'bob:hunter2\n'].map((login) => {
      const peer = new Peer(place(program.port));
      peer.send(`${login}alice, bob: hello\n`);
      return peer;
    });
    // Whoever was first may have been alone.
    for (const peer of peers) await peer.heard(': hello\n');
    program.signal('SIGTERM');
    for (const peer of peers) {
      expect(await peer.whole()).toMatch(/\* closing shutdown: accepted 1, delivered \d\n$/);
      peer.end();
    }
    expect(await program.exit()).toBe(0);
    expect(program.stdout).not.toMatch(/s3cret|hunter2/);
  });

  test('are refused with a wrong password, and the third ends the connection', async () => {
    const server = await Server.start({ ...TLS, accounts: accounts() });
    const peer = say(server, 'alice:1\nalice:2\nalice\nalice:s3cret\n');
    expect(await peer.whole()).toMatch(
      /^(! auth-failed alice: .*\n){3}\* closing auth-failed: accepted 0, delivered 0\n$/,
    );
    expect(server.all('refused')).toHaveLength(3);
    expect(server.all('joined')).toEqual([]);
  });

  test('take their names back, and guests come in where they may', async () => {
    const server = await Server.start({ ...TLS, accounts: accounts(), guests: true });
    const old = say(server, 'alice:s3cret\n');
    await old.heard('* welcome alice\n');
    const carol = say(server, 'carol\nalice: for the old one\n');
    await old.heard('from carol: for the old one\n');
    const next = say(server, 'alice:s3cret\n');
    await next.heard('* welcome alice\n');
    expect(await old.whole()).toMatch(/\* closing replaced: accepted 0, delivered 1\n$/);
    carol.send('alice: for the new one\n');
    await next.heard('from carol: for the new one\n');
  });

  test('are read again while everybody stays, and so are the certificates', async () => {
    const reload$ = new Subject<void>();
    const server = await Server.start({ ...TLS, accounts: accounts(), reload$ });
    const alice = say(server, 'alice:s3cret\n');
    await alice.heard('* welcome alice\n');
    reload$.next();
    expect(
      server
        .all('reloaded')
        .map(({ what }) => what)
        .sort(),
    ).toEqual(['accounts', 'certificates']);
    await say(server, 'bob:hunter2\nalice: hello\n').heard('* welcome bob\n');
    await alice.heard('from bob: hello\n');
  });
});

describe('a certificate and a password, asked for together,', () => {
  test.each([
    ["alice's", 'alice:s3cret', '* welcome alice'],
    ["alice's", 'alice:S3cret', '! auth-failed alice: wrong name or password'],
    ["alice's", 'alice', '! auth-failed alice: log in with <name>:<password>'],
    ["alice's", 'bob:hunter2', '! not-certified bob: your certificate is for alice'],
    ["bob's", 'alice:s3cret', '! not-certified alice: your certificate is for bob'],
    ["bob's", 'alice:S3cret', '! not-certified alice: your certificate is for bob'],
    ["bob's", 'alice', '! not-certified alice: your certificate is for bob'],
    ["a stranger's", 'alice:s3cret', '! certificate-refused: '],
    ["a stranger's", 'alice:S3cret', '! certificate-refused: '],
    ['none', 'alice:s3cret', '! certificate-refused: '],
    ['none', 'alice', '! certificate-refused: '],
  ] as const)('have both to be right: %s with %s', async (whose, login, answer) => {
    const server = await Server.start({ ...BOTH, accounts: accounts() });
    const peer = say(server, `${login}\n`, whose);
    await peer.heard('\n');
    expect(peer.text.startsWith(answer)).toBe(true);
    const mayTalk = answer.startsWith('* welcome');
    expect(server.all('joined')).toHaveLength(mayTalk ? 1 : 0);
    expect(server.all('refused')).toHaveLength(mayTalk ? 0 : 1);
    // A password in the place of a name would be no name that is known.
    expect(JSON.stringify(server.events)).not.toMatch(/s3cret/i);
  });

  test('are no way to find out about the password of another', async () => {
    const server = await Server.start({ ...BOTH, accounts: accounts() });
    const bob = say(server, 's3cret\nalice:s3cret\nbob:hunter2\n', "bob's");
    await bob.heard('* welcome bob\n');
    expect(server.all('refused').map(({ code, name }) => [code, name])).toEqual([
      ['not-certified', undefined],
      ['not-certified', 'alice'],
    ]);
  });
});

describe('a resumed TLS session', () => {
  /**
   * Connects as a session that a first connection was given, and resolves with all that the second was told.
   */
  async function comeBack(
    server: Server,
    whose: keyof typeof certificates,
    between = () => {},
  ): Promise<Peer> {
    const first = say(server, '/quit\n', whose);
    const sessions: Buffer[] = [];
    first.socket.on('session', (session: Buffer) => sessions.push(session));
    await until(() => sessions.length > 0, 'a session');
    first.socket.destroy();
    between();
    const { port, tls } = place(server.port);
    const second = server.connect({ port, tls: { ...tls, session: sessions.at(-1) } });
    second.send('alice\n');
    await second.heard('\n');
    return second;
  }

  const isReused = ({ socket }: Peer) => socket instanceof TLSSocket && socket.isSessionReused();

  test('keeps the name of its certificate', async () => {
    const server = await Server.start(BOTH);
    const alice = await comeBack(server, "alice's");
    expect([isReused(alice), alice.lines]).toEqual([true, ['* welcome alice']]);
    const bob = await comeBack(server, "bob's");
    expect(bob.lines).toEqual(['! not-certified alice: your certificate is for bob']);
  });

  test.each(['none', "a stranger's"] as const)('does not hold where the first showed %s', async (whose) => {
    const server = await Server.start(BOTH);
    const peer = await comeBack(server, whose);
    expect([isReused(peer), peer.text.slice(0, 23)]).toEqual([true, '! certificate-refused: ']);
  });

  test('ends with the signers that it was made under', async () => {
    const reload$ = new Subject<void>();
    const tlsCa = join(folder, 'signers.pem');
    writeFileSync(tlsCa, authority.ca);
    const server = await Server.start({ ...TLS, tlsCa, reload$ });
    const alice = await comeBack(server, "alice's", () => {
      writeFileSync(tlsCa, strangers.ca);
      reload$.next();
    });
    expect(server.all('reloaded')).toHaveLength(1);
    expect([isReused(alice), alice.text.slice(0, 23)]).toEqual([false, '! certificate-refused: ']);
  });
});
