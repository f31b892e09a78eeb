import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  readFileSync,
  readdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { Accounts } from '../../lib/admission/accounts.ts';
import { serverOptions } from '../../lib/server-options.ts';
import { account, accountsFile, directory, removeDirectories } from '../support/accounts.ts';
import { Peer } from '../support/peer.ts';
import { MAIN, Program } from '../support/program.ts';
import { until } from '../support/until.ts';

const peers: Peer[] = [];
const terminals: ChildProcess[] = [];

afterEach(async () => {
  for (const peer of peers.splice(0)) peer.socket.destroy();
  for (const terminal of terminals.splice(0)) terminal.kill('SIGKILL');
  await Program.stopAll();
  removeDirectories();
});

function say(port: number, text: string): Peer {
  const peer = new Peer(port);
  peers.push(peer);
  peer.send(text);
  return peer;
}

/** `a-chat passwd` with what is piped into it. */
async function passwd(input: string, ...args: string[]): Promise<Program> {
  const program = new Program(['passwd', ...args]);
  program.send(input);
  program.end();
  await program.exit();
  return program;
}

/** `a-chat passwd` at a terminal. */
function terminal(file: string): { type: (text: string) => void; shown: () => string; code: () => unknown } {
  const command = `${process.execPath} ${MAIN} passwd alice --accounts ${file}`;
  // socat reads no further once what it ran has failed: the shell ends well.
  const child = spawn('socat', ['-', `SYSTEM:"${command}; true",pty,setsid,ctty,stderr`]);
  let shown = '';
  let code: unknown;
  child.stdout.on('data', (chunk: Buffer) => (shown += chunk.toString()));
  child.on('close', (status) => (code = status));
  terminals.push(child);
  return { type: (text) => child.stdin.write(text), shown: () => shown, code: () => code };
}

const ONE_LINE = /^a-chat: [^\n]+\n$/;

describe('a-chat passwd', () => {
  it('takes a line from a pipe, and makes a file that only its owner reads', async () => {
    const file = join(directory(), 'accounts');
    const { result, stdout, stderr } = await passwd(
      ' s3cret: and more \nnot this\n',
      'alice',
      '--accounts',
      file,
    );
    expect([result, stdout, stderr]).toEqual([0, '', '']);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(file, 'utf8')).toMatch(/^alice:\$scrypt\$ln=15,r=8,p=3\$[\w+/]{22}\$[\w+/]{43}\n$/);
    expect(await Accounts.read(file).check('alice', 's3cret: and more')).toBe(true);

    const program = await Program.serve('--accounts', file);
    await say(program.port, 'alice:s3cret: and more\n').heard('* welcome alice\n');
  });

  it('does not wait for the end of a pipe', async () => {
    const file = join(directory(), 'accounts');
    const program = new Program(['passwd', 'alice', '--accounts', file]);
    program.send('s3cret\n');
    expect(await program.exit()).toBe(0);
    expect(await Accounts.read(file).check('alice', 's3cret')).toBe(true);
  });

  it('writes the line of that name anew and leaves the others, comments too', async () => {
    const [alice, bob] = [account('alice', 'old'), account('bob', 'x')];
    const file = accountsFile('# Staff', alice, bob);
    chmodSync(file, 0o640);
    const link = join(directory(), 'link');
    symlinkSync(file, link);
    expect((await passwd('new', 'alice', '--accounts', link)).result).toBe(0);
    const lines = readFileSync(file, 'utf8').split('\n');
    expect(lines).toEqual(['# Staff', expect.stringMatching(/^alice:\$scrypt\$ln=15/), bob, '']);
    expect(statSync(file).mode & 0o777).toBe(0o640);
    expect(readdirSync(join(file, '..'))).toEqual(['accounts']);
    expect((await passwd('new', 'Zoe\u0308', '--accounts', file)).result).toBe(0);
    expect(await Accounts.read(file).check('Zo\u00eb', 'new')).toBe(true);
    expect(await Accounts.read(file).check('bob', 'x')).toBe(true);
  });

  it('never leaves half a file: what others read is the old one or the new one', async () => {
    const file = accountsFile(account('alice', 'old'));
    const { ino } = statSync(file);
    await passwd('new', 'alice', '--accounts', file);
    expect(statSync(file).ino).not.toBe(ino);
  });

  it.each([
    ['a byte order mark', (alice: string) => `\ufeff${alice}\n`],
    ['a mark before a comment', (alice: string) => `\ufeff# Staff\n${alice}\n`],
    ['CRLF line ends', (alice: string) => `# Staff\r\n\r\n${alice}\r\n`],
    ['blanks before a name', (alice: string) => `\t${alice} \n`],
    ['indented comments', (alice: string) => `  # alice:x\n \n${alice}\n\n  # end`],
    ['no last line end', (alice: string) => `\n${alice}`],
    ['marks in the midst', (alice: string) => `# a\n\ufeff${alice}\n\ufeff # b\n`],
  ])('takes a file with %s as one without, and leaves the rest as it was', async (_what, contentOf) => {
    const file = accountsFile();
    const before = contentOf(account('alice', 'old'));
    writeFileSync(file, before);
    expect(await Accounts.read(file).check('alice', 'old')).toBe(true);

    expect((await passwd('new', 'alice', '--accounts', file)).result).toBe(0);
    expect((await passwd('x', 'bob', '--accounts', file)).result).toBe(0);
    const accounts = Accounts.read(file);
    expect([accounts.size, await accounts.check('alice', 'new'), await accounts.check('bob', 'x')]).toEqual([
      2,
      true,
      true,
    ]);
    const after = readFileSync(file, 'utf8');
    const rest = (text: string) => text.replace(/(alice|bob):\$scrypt[^\s]*/g, '');
    expect(
      rest(after)
        .replace(/\r?\n$/, '')
        .trimEnd(),
    ).toBe(rest(before).trimEnd());
    const ends = after.includes('\r') ? /\r\n/g : /\n/g;
    expect(after.match(ends)).toHaveLength(after.split('\n').length - 1);
  });

  it('leaves what is no UTF-8 as it was, and makes one line of two of a name', async () => {
    const file = accountsFile();
    const comment = Buffer.from('# Zo\u00eb\n', 'latin1');
    const twice = `${account('alice', '1')}\n${account('bob', 'x')}\n ${account('alice', '2')}\n`;
    writeFileSync(file, Buffer.concat([comment, Buffer.from(twice)]));
    await passwd('new', 'alice', '--accounts', file);
    expect(readFileSync(file).subarray(0, comment.length)).toEqual(comment);
    expect([...readFileSync(file, 'utf8').matchAll(/^(\w+):/gm)].map(([, name]) => name)).toEqual([
      'alice',
      'bob',
    ]);
  });

  it('makes the file that a link is to lead to', async () => {
    const folder = directory();
    symlinkSync('accounts', join(folder, 'link'));
    await passwd('x', 'alice', '--accounts', join(folder, 'link'));
    expect(readdirSync(folder).sort()).toEqual(['accounts', 'link']);
    expect(Accounts.read(join(folder, 'accounts')).size).toBe(1);
  });

  it('keeps owner and mode of the file', async () => {
    const file = accountsFile(account('alice', 'old'));
    if (process.getuid?.() === 0) chownSync(file, 1234, 4321);
    chmodSync(file, 0o660);
    const { uid, gid, mode } = statSync(file);
    await passwd('new', 'alice', '--accounts', file);
    expect(statSync(file)).toMatchObject({ uid, gid, mode });
  });

  it('loses no account where many are made at once', async () => {
    const file = join(directory(), 'accounts');
    const names = Array.from({ length: 6 }, (_, index) => `robot${index}`);
    const programs = await Promise.all(names.map((name) => passwd('x', name, '--accounts', file)));
    expect(programs.map(({ result, stderr }) => [result, stderr])).toEqual(names.map(() => [0, '']));
    expect(names.filter((name) => !Accounts.read(file).has(name))).toEqual([]);
    expect(readdirSync(join(file, '..'))).toEqual(['accounts']);
  });

  it('lets the last of two passwords stand that come for one name at once', async () => {
    const file = accountsFile(account('alice', 'old'));
    const programs = await Promise.all(['1', '2'].map((word) => passwd(word, 'alice', '--accounts', file)));
    expect(programs.map(({ result }) => result)).toEqual([0, 0]);
    const accounts = Accounts.read(file);
    expect(accounts.size).toBe(1);
    expect((await accounts.check('alice', '1')) || (await accounts.check('alice', '2'))).toBe(true);
  });

  it.each([
    ['a pipe', 'mkfifo'],
    ['a folder', 'mkdir'],
  ])('does not write to %s', async (_what, make) => {
    const file = join(directory(), 'accounts');
    execFileSync(make, [file]);
    const { result, stderr } = await passwd('x', 'alice', '--accounts', file);
    expect([result, stderr]).toEqual([1, `a-chat: ${file}: not a regular file\n`]);
  });

  it('asks twice at a terminal, and shows nothing of what is typed', async () => {
    const file = join(directory(), 'accounts');
    const { type, shown, code } = terminal(file);
    await until(() => shown().includes('password of alice: '), 'the question');
    type('s3cretx\x7f\n');
    await until(() => shown().includes('again: '), 'the second question');
    type('s3cret\n');
    await until(() => code() !== undefined, 'the end');
    expect(shown().replaceAll('\r', '')).toBe('password of alice: \nagain: \n');
    expect(await Accounts.read(file).check('alice', 's3cret')).toBe(true);
  });

  it('changes nothing where the two are not the same, or the terminal says Ctrl-C', async () => {
    const file = join(directory(), 'accounts');
    const typo = terminal(file);
    await until(() => typo.shown().includes('password of alice: '), 'the question');
    typo.type('one\n');
    await until(() => typo.shown().includes('again: '), 'the second question');
    typo.type('two\n');
    await until(() => typo.code() !== undefined, 'the end');
    expect(typo.shown()).toContain('a-chat: the two passwords are not the same');

    const regret = terminal(file);
    await until(() => regret.shown().includes('password of alice: '), 'the question');
    regret.type('one\x03');
    await until(() => regret.code() !== undefined, 'the end');
    expect(regret.shown()).not.toContain('again');
    expect(existsSync(file)).toBe(false);
  });

  it.each([
    ['no file', 'x', ['alice'], 2],
    ['no name', 'x', ['--accounts', 'FILE'], 2],
    ['what is no name', 'x', ['a,b', '--accounts', 'FILE'], 2],
    ['no password', '\n', ['alice', '--accounts', 'FILE'], 2],
    ['no input at all', '', ['alice', '--accounts', 'FILE'], 2],
    ['a directory that is not there', 'x', ['alice', '--accounts', 'FILE/none'], 1],
  ])('says in a line what is wrong with %s', async (_what, input, args, code) => {
    const file = join(directory(), 'accounts');
    const { result, stderr } = await passwd(input, ...args.map((arg) => arg.replace('FILE', file)));
    expect(stderr).toMatch(ONE_LINE);
    expect(result).toBe(code);
    expect(existsSync(file)).toBe(false);
  });
});

/** Runs `a-chat passwd` in a namespace that `prepare`, a line of a shell, made. */
async function passwdIn(namespace: readonly string[], prepare: string, file: string): Promise<Program> {
  const launcher = ['unshare', ...namespace, 'sh', '-ec', `${prepare}; exec "$@"`, 'sh'];
  const program = new Program(['passwd', 'bob', '--accounts', file], {}, launcher);
  program.send('x\n');
  program.end();
  await program.exit();
  return program;
}

// Skipped for all but root: nobody else may mount a file, or be the first process of a namespace.
const asRoot = process.getuid?.() === 0 ? describe : describe.skip;

asRoot('a-chat passwd in a container', () => {
  it('does not mind what one that was killed left behind', async () => {
    const file = accountsFile(account('alice', 'old'));
    writeFileSync(`${file}.1`, 'half');
    const { result, stderr } = await passwdIn(['--pid', '--fork', '--mount-proc'], 'true', file);
    expect([result, stderr]).toEqual([0, '']);
    expect([Accounts.read(file).has('alice'), Accounts.read(file).has('bob')]).toEqual([true, true]);
  });

  it.each([
    ['that is mounted', 'mount --bind $1 $1'],
    [
      'that is mounted in a folder that is read-only',
      'touch $3/rw; mount --bind $1 $3/rw; mount --bind $2 $2; mount -o remount,bind,ro $2; mount --bind $3/rw $1',
    ],
  ])('writes a file %s in place, and says so', async (_what, mounts) => {
    const file = accountsFile('# Staff', account('alice', 'old'));
    const { ino } = statSync(file);
    const [folder, other] = [join(file, '..'), directory()];
    const prepare = mounts.replaceAll('$1', file).replaceAll('$2', folder).replaceAll('$3', other);
    const { result, stderr } = await passwdIn(['--mount'], prepare, file);
    expect(stderr).toMatch(
      /^a-chat: \S+ is written in place, which a crash could cut short: E[A-Z]+: [^\n]+\n$/,
    );
    expect(result).toBe(0);
    expect(statSync(file).ino).toBe(ino);
    expect(readFileSync(file, 'utf8')).toMatch(/^# Staff\nalice:[^\n]+\nbob:[^\n]+\n$/);
    expect(readdirSync(join(file, '..'))).toEqual(['accounts']);
  });

  it('says in a line that a file is read-only, and leaves it as it was', async () => {
    const file = accountsFile(account('alice', 'old'));
    const before = readFileSync(file);
    const { result, stderr } = await passwdIn(
      ['--mount'],
      `mount --bind ${file} ${file}; mount -o remount,bind,ro ${file}`,
      file,
    );
    expect(stderr).toMatch(ONE_LINE);
    expect(result).toBe(1);
    expect(readFileSync(file)).toEqual(before);
    expect(readdirSync(join(file, '..'))).toEqual(['accounts']);
  });
});

describe('a server with accounts', () => {
  it('reads them again on SIGHUP, and keeps the old ones where the new are broken', async () => {
    const file = accountsFile(account('alice', 'old'));
    const program = await Program.serve('--accounts', file);
    const alice = say(program.port, 'alice:old\n');
    await alice.heard('* welcome alice\n');

    writeFileSync(file, `${account('alice', 'new')}\n${account('bob', 'x')}\n`);
    program.signal('SIGHUP');
    await program.logged('reloaded');
    await say(program.port, 'bob:x\n').heard('* welcome bob\n');

    writeFileSync(file, `${account('alice', 'newer')}\nbob:plain-text\n`);
    program.signal('SIGHUP');
    const { message } = await program.logged('reload-failed');
    expect(message).toBe(`${file}, line 2: no hash that a-chat passwd writes`);
    await say(program.port, 'alice:new\n').heard('* welcome alice\n');
    expect(await alice.whole()).toMatch(/\* closing replaced: accepted 0, delivered 0\n$/);
    program.signal('SIGTERM');
    for (const peer of peers) peer.end();
    expect(await program.exit()).toBe(0);
  });

  it.each([
    ['a broken file', ['--accounts', 'FILE'], 'alice:x\n', /FILE, line 1: no hash/, 2],
    ['no file', ['--accounts', 'FILE/none'], '', /FILE\/none/, 1],
    [
      'a listener that others reach',
      ['--accounts', 'FILE', '--host', '0.0.0.0'],
      '',
      /0\.0\.0\.0.*insecure/,
      2,
    ],
    ['the same of IPv6', ['--accounts', 'FILE', '--host', '::'], '', /insecure/, 2],
    [
      'the same of several',
      ['--accounts', 'FILE', '--listen', 'tcp://127.0.0.1:0', '--listen', 'tcp://0.0.0.0:0'],
      '',
      /insecure/,
      2,
    ],
    ['the same by name', ['--accounts', 'FILE', '--host', 'chat.example'], '', /insecure/, 2],
    ['guests without accounts', ['--guests'], '', /guests/, 2],
  ])('does not start with %s', async (_what, args, content, said, code) => {
    const file = accountsFile();
    writeFileSync(file, content);
    const program = new Program([
      ...(args.includes('--listen') ? [] : ['--port', '0']),
      ...args.map((arg) => arg.replace('FILE', file)),
    ]);
    expect(await program.exit()).toBe(code);
    expect(program.stderr).toMatch(ONE_LINE);
    expect(program.stderr.replace(file, 'FILE')).toMatch(said);
  });

  it.each([
    ['--host', '0.0.0.0', '--insecure'],
    ['--host', 'localhost'],
    ['--host', '127.0.0.2'],
  ])('starts with %s %s %s', async (...args) => {
    await Program.serve('--accounts', accountsFile(), ...args);
  });

  it('may listen on any address with TLS, and on a Unix socket', () => {
    const tls = { tlsCert: 'cert.pem', tlsKey: 'key.pem' };
    const listen = ['tls://0.0.0.0:0', 'unix:/run/a-chat.sock'];
    expect(serverOptions({ accounts: 'accounts', listen, ...tls })).toMatchObject({ listen });
    expect(() =>
      serverOptions({ accounts: 'accounts', listen: [...listen, 'tcp://[::]:0'], ...tls }),
    ).toThrow(/^accounts at tcp:\/\/\[::\]:0: /);
  });

  it('neither logs nor repeats nor keeps a password', async () => {
    const snapshots = directory();
    const file = accountsFile(account('alice', 'Tr0ub4dor'));
    const options = `--heapsnapshot-signal=SIGUSR2 --diagnostic-dir=${snapshots}`;
    const program = new Program(['--port', '0', '--log-level', 'trace', '--accounts', file], {
      NODE_OPTIONS: options,
    });
    const port = Number((await program.logged('listening')).port);
    const inputs = [
      'alice:Tr0ub4dor\n/who\n',
      'alice: Tr0ub4dor?\nalice:Tr0ub4dor\n',
      'bob:Tr0ub4dor\n',
      '/alice:Tr0ub4dor\n',
      ':Tr0ub4dor\n',
      'alice\x1b:Tr0ub4dor\r\n',
    ];
    const all = inputs.map((input) => say(port, input));
    await until(() => all.every(({ text }) => text.length > 0), 'the answers');
    await all[1]?.heard('* welcome alice\n');
    for (const peer of all) expect(peer.text).not.toContain('Tr0ub4dor');
    expect(program.stdout + program.stderr).not.toContain('Tr0ub4dor');

    program.signal('SIGUSR2');
    const snapshot = () =>
      readdirSync(snapshots).map((name) => readFileSync(join(snapshots, name), 'utf8'))[0] ?? '';
    await until(() => snapshot().endsWith(']}'), 'the snapshot');
    expect(snapshot().includes('alice')).toBe(true);
    expect(snapshot().includes('Tr0ub4dor')).toBe(false);
  });
});
