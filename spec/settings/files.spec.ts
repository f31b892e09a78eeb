import { execFileSync } from 'node:child_process';
import { rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { account, accountsFile, directory, removeDirectories } from '../support/accounts.ts';
import { Authority } from '../support/certificates.ts';
import { Peer } from '../support/peer.ts';
import { MAIN, Program } from '../support/program.ts';

const folder = directory();
const own = new Authority(folder).issue('server');

afterEach(() => Program.stopAll());
afterAll(removeDirectories);

const ON = ['--listen', 'tls://127.0.0.1:0'];

/** Where the program wants a file, and all that it needs beside. */
const PLACES: [string, (file: string) => string[]][] = [
  ['--accounts', (file) => ['--accounts', file]],
  ['--config', (file) => ['--config', file]],
  ['--tls-cert', (file) => [...ON, '--tls-cert', file, '--tls-key', own.key]],
  ['--tls-key', (file) => [...ON, '--tls-cert', own.cert, '--tls-key', file]],
  ['--tls-ca', (file) => [...ON, '--tls-cert', own.cert, '--tls-key', own.key, '--tls-ca', file]],
];

function pipe(): string {
  const path = join(directory(), 'pipe');
  execFileSync('mkfifo', [path]);
  return path;
}

/** What is no file, each in a place of its own. */
const NONE: [string, () => string][] = [
  ['a pipe', pipe],
  [
    'a link to a pipe',
    () => {
      const link = join(directory(), 'link');
      symlinkSync(pipe(), link);
      return link;
    },
  ],
  ['a folder', directory],
  ['a device', () => '/dev/zero'],
  ['an empty device', () => '/dev/null'],
];

describe.each(PLACES)('a file for %s', (_option, args) => {
  test.each(NONE)('is not %s: that is one line, at once', async (_what, make) => {
    const path = make();
    const program = new Program(args(path));
    expect(await program.exit()).toBe(1);
    expect(program.stderr).toBe(`a-chat: ${path}: not a regular file\n`);
    expect(program.stdout).toBe('');
  });

  test('that is absent is one line', async () => {
    const program = new Program(args(join(folder, 'absent')));
    expect(await program.exit()).toBe(1);
    expect(program.stderr).toMatch(/^a-chat: ENOENT: [^\n]+absent'\n$/);
  });
});

describe('a file that the program was handed', () => {
  const run = (command: string) =>
    execFileSync('bash', ['-c', command.replaceAll('a-chat', `'${process.execPath}' '${MAIN}'`)]).toString();

  test.each([
    ['as <(command)', 'a-chat config --print --config <(echo port: 81)'],
    ['as its input', 'echo port: 81 | a-chat config --print --config /dev/stdin'],
    ['as an open file', 'a-chat config --print --config /dev/fd/7 7< <(echo port: 81)'],
  ])('%s is read', (_how, command) => {
    expect(run(command)).toMatch(/^port: 81 /m);
  });

  test('is read once: a reload does not wait for more of it', async () => {
    const launcher = ['bash', '-c', 'exec "$@" --accounts <(cat "$FILE")', 'bash'];
    const FILE = accountsFile(account('alice', 'x'));
    const program = new Program(['--port', '0'], { FILE }, launcher);
    const port = Number((await program.logged('listening')).port);
    program.signal('SIGHUP');
    expect(await program.logged('reload-failed')).toMatchObject({
      message: expect.stringMatching(/not a regular file$/) as string,
    });
    const alice = new Peer(port);
    alice.send('alice:x\n');
    await alice.heard('* welcome alice\n');
  });
});

describe('a reload', () => {
  test.each(NONE)('that finds %s keeps what there was, and the server answers', async (_what, make) => {
    const file = accountsFile(account('alice', 'x'));
    const program = await Program.serve('--accounts', file);
    rmSync(file);
    symlinkSync(make(), file);
    program.signal('SIGHUP');
    expect(await program.logged('reload-failed')).toMatchObject({
      what: 'accounts',
      message: `${file}: not a regular file`,
    });
    const alice = new Peer(program.port);
    alice.send('alice:x\n');
    await alice.heard('* welcome alice\n');
  });

  test.each([
    ['', 'an empty file'],
    ['\n\n', 'empty lines'],
    ['# alice:x\n', 'comments'],
    ['\ufeff \r\n', 'a byte order mark'],
  ])('that finds no accounts keeps those that there were: %j', async (content) => {
    const file = accountsFile(account('alice', 'x'), account('bob', 'y'));
    const program = await Program.serve('--accounts', file, '--guests');
    writeFileSync(file, content);
    program.signal('SIGHUP');
    const message = `${file}: no accounts, where there were 2`;
    expect(await program.logged('reload-failed')).toMatchObject({
      level: 50,
      message,
      msg: `kept the accounts as they were: ${message}`,
    });
    const guest = new Peer(program.port);
    guest.send('alice\n');
    await guest.heard('! auth-failed alice: ');

    writeFileSync(file, `${account('alice', 'z')}\n`);
    program.signal('SIGHUP');
    expect(await program.logged('reloaded')).toMatchObject({
      count: 1,
      msg: 'read the accounts again: there are 1',
    });
    const alice = new Peer(program.port);
    alice.send('alice:z\n');
    await alice.heard('* welcome alice\n');
  });
});

test.each([
  [['--guests'], 'a guest may take any name'],
  [[], 'nobody can log in'],
])('a start without accounts is warned of: %j', async (more, message) => {
  const file = accountsFile('# nobody yet');
  const program = await Program.serve('--accounts', file, ...more);
  expect(await program.logged('doubtful')).toMatchObject({
    level: 40,
    what: 'accounts',
    message: `${file}: no accounts: ${message}`,
  });
  writeFileSync(file, `${account('alice', 'x')}\n`);
  program.signal('SIGHUP');
  await program.logged('reloaded', ({ count }) => count === 1);
  expect(program.log.filter(({ event }) => event === 'doubtful')).toHaveLength(1);
});
