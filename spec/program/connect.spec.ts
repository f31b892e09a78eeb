import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import * as tls from 'node:tls';
import { ConnectionError, chat } from '../../lib/client/connect.ts';
import { loginTyped, loginWithPassword } from '../../lib/cli/password-login.ts';
import { targetOf } from '../../lib/client/target.ts';
import { account, accountsFile, removeDirectories } from '../support/accounts.ts';
import { Authority } from '../support/certificates.ts';
import { MAIN, Program } from '../support/program.ts';
import { Server, stopServers } from '../support/server.ts';
import { until } from '../support/until.ts';

const folder = mkdtempSync(join(tmpdir(), 'a-chat-'));
const authority = new Authority(folder);
const strangers = new Authority(folder, 'strangers');
const own = authority.issue('server');
const SECURE = { listen: ['tls://127.0.0.1:0'], tlsCert: own.cert, tlsKey: own.key };

const terminals: ChildProcess[] = [];
const impostors: tls.Server[] = [];

afterEach(async () => {
  for (const terminal of terminals.splice(0)) terminal.kill('SIGKILL');
  for (const impostor of impostors.splice(0)) impostor.close();
  await Program.stopAll();
  stopServers();
  removeDirectories();
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** `a-chat connect` that says `input`; resolves when it has ended. */
async function connect(input: string, args: readonly string[], env = {}): Promise<Program> {
  const program = new Program(['connect', ...args], env);
  program.send(input);
  program.end();
  await program.exit();
  return program;
}

/** The same in this process; resolves with what came. */
async function converse(endpoint: string, options: Record<string, string>, input: string): Promise<string> {
  const output = new PassThrough();
  const printed: Buffer[] = [];
  output.on('data', (chunk: Buffer) => printed.push(chunk));
  const typed = new PassThrough();
  typed.end(input);
  await chat(targetOf(endpoint, options, {}), loginTyped(typed), typed, output);
  return Buffer.concat(printed).toString();
}

const ONE_LINE = /^a-chat: [^\n]+\n$/;
const HELLO = '* welcome alice\nfrom alice: hello\n* closing eof: accepted 1, delivered 1\n';

describe('a-chat connect', () => {
  test('reaches a TLS endpoint whose signer it is told of', async () => {
    const { port } = await Server.start(SECURE);
    const args = [`tls://127.0.0.1:${port}`, '--tls-ca', authority.cert, '--name', 'alice'];
    const { result, stdout, stderr } = await connect('alice: hello\n', args);
    expect([result, stdout, stderr]).toEqual([0, HELLO, '']);
    expect(await converse(`tls://127.0.0.1:${port}`, { tlsCa: authority.cert }, 'bob\n')).toContain(
      '* welcome bob\n',
    );
  });

  test('trusts what Node is told to trust, and takes the files from the environment too', async () => {
    const { port } = await Server.start(SECURE);
    const args = [`tls://127.0.0.1:${port}`, '--name', 'alice'];
    // What the system trusts is known to later versions of Node, by the names that OpenSSL has for it.
    const system = 'getCACertificates' in tls ? ['SSL_CERT_FILE'] : [];
    for (const variable of ['NODE_EXTRA_CA_CERTS', 'A_CHAT_TLS_CA', ...system]) {
      const { stdout } = await connect('alice: hello\n', args, { [variable]: authority.cert });
      expect(stdout).toBe(HELLO);
    }
  });

  test('reaches a Unix socket and a plain endpoint, and needs no files for them', async () => {
    const path = join(folder, 'chat.sock');
    const server = await Server.start({ listen: [`unix:${path}`, 'tcp://127.0.0.1:0'] });
    const { port } = await server.told('listening', (event) => event.port !== undefined);
    for (const endpoint of [`unix:${path}`, `tcp://127.0.0.1:${String(port)}`]) {
      const env = { A_CHAT_TLS_CERT: 'absent.pem', A_CHAT_PORT: '1' };
      const { stdout } = await connect('alice: hello\n', [endpoint, '--name', 'alice'], env);
      expect(stdout).toBe(HELLO);
    }
  });

  test('shows its certificate to a server that asks for one', async () => {
    const { port } = await Server.start({ ...SECURE, tlsCa: authority.cert });
    const { cert, key } = authority.issue('alice');
    const args = [`tls://127.0.0.1:${port}`, '--tls-ca', authority.cert, '--name', 'alice'];
    const shown = await connect('alice: hello\n', [...args, '--tls-cert', cert, '--tls-key', key]);
    expect(shown.stdout).toBe(HELLO);
    const hidden = await connect('', args);
    expect(hidden.stdout).toMatch(/^! certificate-refused: [^\n]+\n/);
    expect(hidden.result).toBe(1);
  });

  test.each([
    ['a signer whom it does not know', [], '127.0.0.1', 'its certificate cannot be trusted: '],
    [
      'another signer than the one it is told of',
      ['--tls-ca', strangers.cert],
      '127.0.0.1',
      'its certificate cannot be trusted: ',
    ],
    [
      'another name',
      ['--tls-ca', authority.cert],
      'localhost',
      'its certificate cannot be trusted: Host: localhost',
    ],
  ])('says in one line that it does not trust %s', async (_what, args, host, why) => {
    const { port } = await Server.start(SECURE);
    const { result, stdout, stderr } = await connect('alice\n', [`tls://${host}:${port}`, ...args]);
    expect([result, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(ONE_LINE);
    expect(stderr).toContain(`a-chat: tls://${host}:${port}: ${why}`);
  });

  test('says nothing to a server that has not proved who it is', async () => {
    const { cert, key } = strangers.issue('impostor');
    let heard = '';
    let connections = 0;
    const impostor = tls.createServer({ cert: readFileSync(cert), key: readFileSync(key) });
    impostor.on('connection', () => (connections += 1));
    impostor.on('secureConnection', (socket) => {
      socket.on('data', (chunk: Buffer) => (heard += chunk.toString())).on('error', () => {});
    });
    impostor.on('tlsClientError', () => {});
    impostors.push(impostor);
    await new Promise<void>((resolve) => impostor.listen(0, '127.0.0.1', resolve));
    const { port } = impostor.address() as { port: number };
    const args = [`tls://127.0.0.1:${port}`, '--tls-ca', authority.cert, '--name', 'alice', '--ask-password'];
    expect((await connect('s3cret\nbob: hi\n', args)).result).toBe(1);
    await expect(
      converse(`tls://127.0.0.1:${port}`, { tlsCa: authority.cert }, 'alice:s3cret\n'),
    ).rejects.toThrow(ConnectionError);
    expect([connections, heard]).toEqual([2, '']);
  });

  test('ends in one line where the connection is tampered with', async () => {
    const raw: Socket[] = [];
    const tampered = tls.createServer({ cert: readFileSync(own.cert), key: readFileSync(own.key) });
    tampered.on('connection', (socket: Socket) => raw.push(socket));
    tampered.on('secureConnection', (socket) => {
      socket
        .on('error', () => {})
        .once('data', () => raw[0]?.write(Buffer.from([0x17, 3, 3, 0, 4, 1, 2, 3, 4])));
    });
    impostors.push(tampered);
    await new Promise<void>((resolve) => tampered.listen(0, '127.0.0.1', resolve));
    const { port } = tampered.address() as { port: number };
    const args = ['connect', `tls://127.0.0.1:${port}`, '--tls-ca', authority.cert, '--name', 'alice'];
    const program = new Program(args);
    expect(await program.exit()).toBe(1);
    expect(program.stderr).toMatch(ONE_LINE);
    for (const socket of raw) socket.destroy();
  });

  test.each([
    ['no such socket', ['unix:FOLDER/absent.sock'], 1, /: unix:[^ ]*absent\.sock: connect ENOENT/],
    [
      'a port that nobody listens on',
      ['tls://127.0.0.1:1'],
      1,
      /: tls:\/\/127\.0\.0\.1:1: connect ECONNREFUSED/,
    ],
    ['an endpoint of servers', ['systemd:chat'], 2, /tls:\/\/<address>:<port>.*'systemd:chat'/],
    ['what is no endpoint', ['chat.example:8443'], 2, /'chat\.example:8443'/],
    ['the same thing twice', ['tcp://127.0.0.1:1', '--port', '1'], 2, /--port and/],
    ['a certificate without its key', ['tls://127.0.0.1:1', '--tls-cert', own.cert], 2, /--tls-key/],
    ['files for TLS without it', ['tcp://127.0.0.1:1', '--tls-ca', own.cert], 2, /--tls-ca does nothing/],
    ['a file that is not there', ['tls://127.0.0.1:1', '--tls-ca', 'FOLDER/no.pem'], 1, /no\.pem/],
    [
      'a file that is none',
      ['tls://127.0.0.1:1', '--tls-ca', own.key],
      2,
      /server\.key\.pem: no certificate: /,
    ],
    ['a password of nobody', ['tcp://127.0.0.1:1', '--ask-password'], 2, /--name/],
    ['a password of what is no name', ['--name', 'a:b', '--ask-password'], 2, /a name holds/],
  ])('says in one line what is wrong with %s', async (_what, args, code, why) => {
    const filled = args.map((arg) => arg.replace('FOLDER', folder));
    const { result, stdout, stderr } = await connect('', filled);
    expect(stderr).toMatch(ONE_LINE);
    expect(stderr).toMatch(why);
    expect([result, stdout]).toEqual([code, '']);
  });

  test('says in one line that the other side does not speak TLS', async () => {
    const { port } = await Server.start();
    const { result, stderr } = await connect('', [`tls://127.0.0.1:${port}`]);
    expect(stderr).toMatch(ONE_LINE);
    expect(stderr).toContain(`tls://127.0.0.1:${port}: `);
    expect(result).toBe(1);
  });
});

describe('a password', () => {
  const accounts = () => accountsFile(account('alice', 's3cret'), account('bob', 'x'));

  test('comes from the first line of a pipe; what is behind it is said', async () => {
    const { port } = await Server.start({ accounts: accounts() });
    const args = ['--port', String(port), '--name', 'alice', '--ask-password'];
    const { result, stdout, stderr } = await connect('s3cret\nalice: hello\n', args);
    expect([result, stdout, stderr]).toEqual([0, HELLO, '']);
  });

  test('may stand in the first line with the name, where no name is given', async () => {
    const { port } = await Server.start({ accounts: accounts() });
    const { stdout } = await connect('alice:s3cret\nalice: hello\n', ['--port', String(port)]);
    expect(stdout).toBe(HELLO);
  });

  test('is asked for at a terminal, and not shown; what is typed ahead is said', async () => {
    const server = await Server.start({ ...SECURE, accounts: accounts() });
    const command = [
      ...[process.execPath, MAIN, 'connect', `tls://127.0.0.1:${server.port}`],
      ...['--tls-ca', authority.cert, '--name', 'alice', '--ask-password'],
    ];
    const child = spawn('socat', ['-', `EXEC:"${command.join(' ')}",pty,setsid,ctty,stderr`]);
    terminals.push(child);
    let shown = '';
    child.stdout.on('data', (chunk: Buffer) => (shown += chunk.toString()));
    await until(() => shown.includes('password of alice: '), 'the question');
    child.stdin.write('s3cretx\x7f\nalice: hello\nalice: he');
    await until(() => shown.includes('from alice: hello'), 'the message');
    child.stdin.write('re\n');
    await until(() => shown.includes('from alice: here'), 'the rest');
    expect(shown).not.toContain('s3cret');
    expect(shown).toMatch(/^password of alice: \r?\n\* welcome alice\r?\n/);
  });

  test('that is wrong and comes from a pipe is the end, and nothing more is said', async () => {
    const server = await Server.start({ accounts: accounts() });
    const args = ['--port', String(server.port), '--name', 'alice', '--ask-password'];
    const { result, stdout, stderr } = await connect('S3cret\nbob:x\n', args);
    expect(result).toBe(3);
    expect(stdout).toMatch(/^! auth-failed alice: [^\n]+\n$/);
    expect(stderr).toBe(`a-chat: ${stdout}`);
    expect(server.all('joined')).toEqual([]);
  });

  test('that is wrong is asked for again at a terminal, and never shown', async () => {
    const server = await Server.start({ accounts: accounts(), guests: true });
    const command = [
      process.execPath,
      MAIN,
      'connect',
      '--port',
      server.port,
      '--name',
      'alice',
      '--ask-password',
    ];
    const child = spawn('socat', ['-t5', '-', `EXEC:"${command.join(' ')}",pty,setsid,ctty,stderr`]);
    terminals.push(child);
    let shown = '';
    child.stdout.on('data', (chunk: Buffer) => (shown += chunk.toString()));
    await until(() => shown.includes('password of alice: '), 'the question');
    child.stdin.write('wrong1\nahead2\n');
    await until(() => shown.includes('! auth-failed'), 'the refusal');
    child.stdin.write('s3cret\n');
    await until(() => shown.includes('* welcome alice'), 'the welcome');
    child.stdin.write('alice: hello\n');
    await until(() => shown.includes('from alice: hello'), 'the message');
    expect(shown).not.toMatch(/s3cret|wrong1|ahead2/);
    expect(server.all('joined').map(({ name }) => name)).toEqual(['alice']);
  });

  test.each([
    ['in one piece', ['s3cret\nbob: hi\n']],
    ['in pieces', ['s3', 'cret', '\n', 'bob: hi\n']],
    ['behind which nothing comes', ['s3cret\n']],
    ['that the input ends with', ['s3cret']],
  ])('is the first line %s, and takes nothing else', async (_what, pieces) => {
    const input = new PassThrough();
    for (const piece of pieces) input.write(piece);
    input.end();
    const logins = await loginWithPassword(' alice ', input, () => {});
    expect(await logins.next()).toBe('alice:s3cret');
    let rest = '';
    for await (const chunk of input) rest += String(chunk);
    expect(rest).toBe(pieces.join('').replace(/^s3cret\n?/, ''));
  });

  test('that is not given is empty', async () => {
    const terminal = Object.assign(new PassThrough(), { isTTY: true });
    terminal.end();
    let said = '';
    const logins = await loginWithPassword('alice', terminal, (text) => (said += text));
    expect([await logins.next(), said]).toEqual(['alice:', 'password of alice: \n']);
  });
});
