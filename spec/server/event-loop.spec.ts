import { account, accountsFile, removeDirectories } from '../support/accounts.ts';
import { Server, stopServers } from '../support/server.ts';

afterEach(() => {
  stopServers();
  removeDirectories();
});

/** Long enough that what takes time with the square of it takes minutes. */
const LONG = 2 ** 20;

/** ms: a good answer takes a twentieth of it, with what a wrong login is made to wait. */
const SOON = 20_000;

const BLANKS = `a${' '.repeat(LONG - 10)}b`;
const WIDE_BLANKS = `a${'\u2003 '.repeat(LONG / 5)}b`;
const MARKS = `a${'\u0301'.repeat(LONG / 5)}${'\u0323'.repeat(LONG / 5)}`;

describe.each([
  ['blanks', BLANKS],
  ['blanks that are not ASCII', WIDE_BLANKS],
  ['marks out of order', MARKS],
])('a line full of %s stalls nobody', (_what, text) => {
  it('as a name', async () => {
    const server = await Server.start({ maxLine: LONG });
    const peer = server.connect();
    peer.send(`${text}\n`);
    await peer.heard('! name-invalid', SOON);
  });

  it('as a name with a password, and as a password', async () => {
    const server = await Server.start({ maxLine: LONG, accounts: accountsFile(account('alice', 's3cret')) });
    const [named, secret] = [server.connect(), server.connect()];
    named.send(`${text}:s3cret\n`);
    await named.heard('! name-invalid', SOON);
    secret.send(`alice:${text}\n`);
    await secret.heard('! auth-failed alice: ', SOON);
  });

  it('as a recipient, as a message, and as a command', async () => {
    const server = await Server.start({ maxLine: LONG });
    const alice = await server.login('alice');
    alice.send(`${text}: hi\n`);
    await alice.heard('! not-connected ', SOON);
    alice.send(`alice: \u00e9${text}\n/ping 1\n`);
    await alice.heard('* pong 1', SOON);
    alice.send(`/ping ${text}\n/ping 2\n`);
    await alice.heard('* pong 2', SOON);
    alice.send(`${text}\n/ping 3\n`);
    await alice.heard('* pong 3', SOON);
  });
});

describe('a name or password of marks out of order', () => {
  it('is the same in whatever order', async () => {
    const [one, other] = ['q\u0307\u0323', 'q\u0323\u0307'];
    const server = await Server.start({ accounts: accountsFile(account(other, other)) });
    const peer = server.connect();
    peer.send(`${one}:${one}\n`);
    await peer.heard(`* welcome ${other}\n`);
  });
});
