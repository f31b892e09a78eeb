import { spawn } from 'node:child_process';
import { createPrivateKey } from 'node:crypto';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ConnectionOptions } from 'node:tls';
import { Authority } from '../support/certificates.ts';
import { Peer } from '../support/peer.ts';
import { Program } from '../support/program.ts';
import { until } from '../support/until.ts';

const folder = mkdtempSync(join(tmpdir(), 'a-chat-'));
const authority = new Authority(folder);
const strangers = new Authority(folder, 'strangers');
const server = authority.issue('server');

afterEach(() => Program.stopAll());
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const ON = ['--listen', 'tls://127.0.0.1:0', '--tls-cert', server.cert, '--tls-key', server.key];
const CLIENTS = ['--tls-ca', authority.cert];

/** What a peer needs to reach the server, with a certificate of its own if given. */
function place(port: number, own?: { cert: string; key: string }, more: ConnectionOptions = {}) {
  const shown = own && { cert: readFileSync(own.cert), key: readFileSync(own.key) };
  return { port, tls: { ca: authority.ca, ...shown, ...more } };
}

describe('a TLS endpoint', () => {
  test('is a chat, beside a plain one, and drains', async () => {
    const program = await Program.serve(...ON, '--listen', 'tcp://127.0.0.1:0');
    await until(() => program.log.length === 2, 'both to listen');
    const port = (transport: string) =>
      Number(program.log.find(({ endpoint }) => String(endpoint).startsWith(transport))?.port);
    const alice = await Peer.login(place(port('tls:')), 'alice');
    const bob = await Peer.login(port('tcp:'), 'bob');
    alice.send('bob: hello\n');
    bob.send('alice: good day\n');
    await alice.heard('from bob: good day\n');
    await bob.heard('from alice: hello\n');
    program.signal('SIGTERM');
    for (const peer of [alice, bob]) {
      expect(await peer.whole()).toMatch(/\* closing shutdown: accepted 1, delivered 1\n$/);
      peer.end();
    }
    expect(await program.exit()).toBe(0);
  });

  test.each([
    ['openssl', ['s_client', '-quiet', '-CAfile', authority.cert, '-verify_return_error', '-connect', '%']],
    ['ncat', ['--ssl', '127.0.0.1', '%port']],
    ['socat', ['-', `OPENSSL:%,cafile=${authority.cert},commonname=server`]],
  ])('is reached with %s', async (tool, args) => {
    const program = await Program.serve(...ON);
    const filled = args.map((arg) =>
      arg.replace('%port', String(program.port)).replace('%', `127.0.0.1:${program.port}`),
    );
    const child = spawn(tool, filled);
    let heard = '';
    child.stdout.on('data', (chunk: Buffer) => (heard += chunk.toString()));
    child.stdin.write('alice\nalice: hello\n');
    await until(
      () => heard.includes('from alice: hello\n'),
      () => `hello; came ${heard}`,
    );
    program.signal('SIGTERM');
    await until(() => heard.includes('* closing shutdown: accepted 1, delivered 1\n'), 'the last line');
    child.kill();
    expect(await program.exit()).toBe(0);
  });

  test('speaks TLS 1.2, and nothing older', async () => {
    const program = await Program.serve(...ON);
    await Peer.login(place(program.port, undefined, { maxVersion: 'TLSv1.2' }), 'alice');
    const old = { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT:@SECLEVEL=0' } as const;
    const late = new Peer(place(program.port, undefined, old));
    await until(() => late.closed, 'the refusal');
    const refused = await program.logged('refused', ({ remote }) => remote === late.address);
    expect(refused).toMatchObject({ code: 'tls-failed', detail: 'unsupported protocol' });
  });

  test('refuses who does not speak TLS, or not in time, in one line each; the others go on', async () => {
    const program = await Program.serve(...ON, '--handshake-timeout', '3');
    const alice = await Peer.login(place(program.port), 'alice');
    const plain = new Peer(program.port);
    // Less than five bytes would be a handshake that is stalled.
    plain.send('robert\n');
    const stalled = new Peer(program.port);
    const half = new Peer(program.port);
    half.send(Buffer.from([0x16, 3, 1, 2, 0, 1, 0]));
    const gone = new Peer(program.port);
    gone.end();
    await until(
      () => [plain, stalled, half, gone].every(({ closed, ended }) => closed || ended),
      'the end of all',
    );
    const refused = () => program.log.filter(({ event }) => event === 'refused');
    await until(() => refused().length >= 4, 'the refusals');
    for (const [peer, detail] of [
      [plain, 'wrong version number'],
      [stalled, 'ERR_TLS_HANDSHAKE_TIMEOUT'],
      [half, 'ERR_TLS_HANDSHAKE_TIMEOUT'],
      [gone, 'ECONNRESET'],
    ] as const) {
      expect(refused().filter(({ remote }) => remote === peer.address)).toEqual([
        expect.objectContaining({ code: 'tls-failed', detail }),
      ]);
    }
    alice.send('alice: here\n');
    await alice.heard('from alice: here\n');
    for (const peer of [plain, stalled, half]) peer.socket.destroy();
  });

  test('ends a connection with a broken record at once', async () => {
    const program = await Program.serve(...ON);
    const alice = await Peer.login(place(program.port), 'alice');
    const bob = await Peer.login(place(program.port), 'bob');
    bob.sendRaw(Buffer.from([0x17, 3, 3, 0, 4, 1, 2, 3, 4]));
    const left = await program.logged('left');
    expect(left).toMatchObject({ name: 'bob', reason: 'reset', delivered: 0, abandoned: 0 });
    await until(() => bob.closed || bob.ended, 'the end');
    alice.send('bob: too late\n');
    await alice.heard('! not-connected bob: ');
  });

  test('makes no second handshake on a connection', async () => {
    const program = await Program.serve(...ON);
    const alice = await Peer.login(place(program.port), 'alice');
    const args = ['s_client', '-tls1_2', '-CAfile', authority.cert, '-connect'];
    const client = spawn('openssl', [...args, `127.0.0.1:${program.port}`]);
    let heard = '';
    for (const output of [client.stdout, client.stderr]) {
      output.on('data', (chunk: Buffer) => (heard += chunk.toString()));
    }
    client.stdin.write('bob\n');
    await until(() => heard.includes('* welcome bob\n'), 'the welcome');
    // Its way to ask for another handshake.
    client.stdin.write('R\n');
    await until(
      () => heard.includes('no renegotiation'),
      () => `the refusal; came ${heard}`,
    );
    client.kill();
    await alice.settled();
  });

  test('bounds the handshakes of one address, and takes more when they are over', async () => {
    const program = await Program.serve(...ON, '--max-connections-per-address', '2');
    const stalled = [new Peer(program.port), new Peer(program.port)];
    await until(() => stalled.every(({ address }) => address !== ''), 'the connections');
    const third = new Peer(program.port);
    await until(() => third.closed || third.ended, 'the refusal');
    expect(await program.logged('refused')).toMatchObject({
      code: 'too-many-connections',
      remote: third.address,
    });
    for (const peer of [...stalled, third]) peer.socket.destroy();
    const isOver = () => program.log.filter(({ code }) => code === 'tls-failed').length === 2;
    await until(isOver, 'the handshakes to be over');
    await Peer.login(place(program.port), 'alice');
    await Peer.login(place(program.port), 'bob');
  });

  test('bounds the handshakes of all, and gives up the oldest: nobody is kept out', async () => {
    const program = await Program.serve(...ON, '--handshake-timeout', '60');
    let gone = 0;
    const stalled = Array.from({ length: 513 }, () =>
      connect(program.port, '127.0.0.1')
        .on('error', () => {})
        .on('close', () => (gone += 1))
        .resume(),
    );
    expect(await program.logged('refused')).toMatchObject({ code: 'server-full' });
    await Peer.login(place(program.port), 'alice');
    await until(() => gone === 2, 'the oldest two to be gone');
    for (const socket of stalled) socket.destroy();
    const refusedAs = (word: string) =>
      program.log.filter(({ code }) => code === word).reduce((sum, { count = 1 }) => sum + Number(count), 0);
    await until(() => refusedAs('tls-failed') === 511, 'all to be gone');
    expect(refusedAs('server-full')).toBe(2);
  });

  test('breaks off a handshake when it drains', async () => {
    const program = await Program.serve(...ON);
    const stalled = new Peer(program.port);
    await until(() => stalled.address !== '', 'the connection');
    await Peer.login(place(program.port), 'alice');
    program.signal('SIGTERM');
    await until(() => stalled.ended || stalled.closed, 'the end');
    stalled.socket.destroy();
    expect(await program.exit()).toBe(0);
  });
});

describe('client certificates', () => {
  test('give their common name as the only name to log in with', async () => {
    const program = await Program.serve(...ON, ...CLIENTS);
    const peer = new Peer(place(program.port, authority.issue('alice')));
    peer.send('bob\nalice\nalice: hello\n');
    await peer.heard('from alice: hello\n');
    expect(peer.lines).toEqual([
      '! not-certified bob: your certificate is for alice',
      '* welcome alice',
      'from alice: hello',
    ]);
    expect(await program.logged('refused')).toMatchObject({ code: 'not-certified', name: 'bob' });
  });

  test.each([
    ['no certificate', undefined, 'none was shown'],
    ["a stranger's", strangers.issue('mallory'), 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
    ['one without a common name', authority.issue('nobody', '/O=nobody'), 'no common name, or several'],
    ['one with two', authority.issue('two', '/CN=alice/CN=bob'), 'no common name, or several'],
    ...[
      [' alice', 'a name is trimmed, and in NFC'],
      ['alice ', 'a name is trimmed, and in NFC'],
      ['\u00a0alice', 'a name is trimmed, and in NFC'],
      ['alice\u2028', 'a name is trimmed, and in NFC'],
      ['Jose\u0301', 'a name is trimmed, and in NFC'],
      ['alice\x07', 'a name holds printable characters only'],
      ['alice\u200b', 'a name holds printable characters only'],
      ['alice:', "a name holds no ',' and no ':'"],
      ['#alice', "a name does not begin with '/', '#', '*', '!' or '@'"],
      ['\u3164', 'a name shows something'],
      ['\u00e9'.repeat(33), 'a name is at most 64 bytes long'],
    ].map(([name = '', why = ''], index): [string, { cert: string; key: string }, string] => [
      `one for ${JSON.stringify(name)}`,
      authority.issue(`odd${index}`, `/CN=${name}`),
      `its common name is no name: ${why}`,
    ]),
  ])('that do not hold are refused in one line: %s', async (_what, own, detail) => {
    const program = await Program.serve(...ON, ...CLIENTS);
    const peer = new Peer(place(program.port, own));
    peer.send('alice\n');
    expect(await peer.whole()).toBe(
      `! certificate-refused: a certificate is needed that holds here: ${detail}\n` +
        '* closing certificate-refused: accepted 0, delivered 0\n',
    );
    expect(await program.logged('refused')).toMatchObject({ code: 'certificate-refused', detail });
    peer.end();
  });
});

describe('SIGHUP', () => {
  test('has renewed files loaded, and drops nobody; a bad renewal keeps the old ones', async () => {
    const [cert, key] = [join(folder, 'renewed.cert.pem'), join(folder, 'renewed.key.pem')];
    const install = (from: { cert: string; key: string }) => {
      copyFileSync(from.cert, cert);
      copyFileSync(from.key, key);
    };
    install(server);
    const program = await Program.serve(
      '--listen',
      'tls://127.0.0.1:0',
      '--tls-cert',
      cert,
      '--tls-key',
      key,
    );
    const alice = await Peer.login(place(program.port), 'alice');
    const trusting = { port: program.port, tls: { ca: strangers.ca } };

    writeFileSync(key, 'no key');
    program.signal('SIGHUP');
    expect(await program.logged('reload-failed')).toMatchObject({
      what: 'certificates',
      message: expect.stringContaining(key) as string,
    });
    await Peer.login(place(program.port), 'bob');

    install(strangers.issue('other'));
    program.signal('SIGHUP');
    await program.logged('reloaded');
    await Peer.login(trusting, 'carol');
    const distrustful = new Peer(place(program.port));
    await until(() => distrustful.closed, 'the refusal');
    alice.send('bob, carol: still here\n');
    await alice.settled();

    program.signal('SIGTERM');
    program.signal('SIGHUP');
    expect(await alice.whole()).toContain('* closing shutdown: accepted 1, delivered 0\n');
  });
});

describe('a certificate and its key', () => {
  const start = async (...args: string[]) => {
    const program = new Program(['--listen', 'tls://127.0.0.1:0', ...args]);
    expect(await program.exit()).toBe(2);
    expect(program.stdout).toBe('');
    return program.stderr;
  };

  test.each(['pkcs8', 'sec1'] as const)('with a passphrase are told of as such: %s', async (type) => {
    const key = join(folder, `${type}.pem`);
    const locked = { format: 'pem', cipher: 'aes-256-cbc', passphrase: 'secret', type } as const;
    writeFileSync(key, createPrivateKey(readFileSync(server.key)).export(locked));
    expect(await start('--tls-cert', server.cert, '--tls-key', key)).toBe(
      `a-chat: ${key}: the key has a passphrase, and one without is needed\n`,
    );
  });

  test('of two pairs are told of as such', async () => {
    const { key } = authority.issue('another');
    expect(await start('--tls-cert', server.cert, '--tls-key', key)).toBe(
      `a-chat: ${key}: the key of another certificate than that in ${server.cert}\n`,
    );
  });

  test('in the wrong order are told of as such', async () => {
    const chain = join(folder, 'chain.pem');
    writeFileSync(chain, Buffer.concat([authority.ca, readFileSync(server.cert)]));
    expect(await start('--tls-cert', chain, '--tls-key', server.key)).toBe(
      `a-chat: ${chain}: the certificate of the key ${server.key} must come first\n`,
    );
  });

  test('that are the same file without a key are told of as such', async () => {
    expect(await start('--tls-cert', server.cert, '--tls-key', server.cert)).toMatch(
      /^a-chat: \S+: no private key: [^\n]+\n$/,
    );
  });

  test.each([
    ['expired', '-1', 'expired on '],
    ['not valid yet', '+1', 'is not valid before '],
  ])('%s are warned of, at the start and at each reload', async (_what, days, words) => {
    const odd = authority.issueAt('odd', `${days} days`);
    const program = await Program.serve(
      ...['--listen', 'tls://127.0.0.1:0', '--tls-cert', odd.cert, '--tls-key', odd.key],
    );
    const warnings = () => program.log.filter(({ event }) => event === 'doubtful');
    expect(warnings()).toEqual([
      expect.objectContaining({
        level: 40,
        what: 'certificates',
        message: expect.stringMatching(
          `^${odd.cert}: the certificate CN=odd ${words}\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d`,
        ) as string,
      }),
    ]);
    program.signal('SIGHUP');
    await until(() => warnings().length === 2, 'the second warning');
  });

  test('of signers are looked at too', async () => {
    const old = authority.issueAt('old', '-1 days');
    const signers = join(folder, 'old-signers.pem');
    writeFileSync(signers, Buffer.concat([readFileSync(old.cert), authority.ca]));
    const program = await Program.serve(...ON, '--tls-ca', signers);
    expect(await program.logged('doubtful')).toMatchObject({
      message: expect.stringContaining(`${signers}: the certificate CN=old expired on `) as string,
    });
  });
});

describe('files', () => {
  const wrong = join(folder, 'wrong.pem');
  writeFileSync(wrong, 'no PEM');
  const cutShort = join(folder, 'cut-short.pem');
  writeFileSync(cutShort, `${authority.ca.toString()}${strangers.ca.toString().slice(0, 200)}`);
  test.each([
    [['--listen', 'tls://127.0.0.1:0'], 2],
    [['--listen', 'tls://127.0.0.1:0', '--tls-cert', server.cert], 2],
    [['--tls-cert', server.cert, '--tls-key', server.key], 2],
    [
      ['--listen', 'tls://127.0.0.1:0', '--tls-cert', server.cert, '--tls-key', authority.issue('else').key],
      2,
    ],
    [['--listen', 'tls://127.0.0.1:0', '--tls-cert', wrong, '--tls-key', server.key], 2],
    [[...ON, '--tls-ca', wrong], 2],
    [[...ON, '--tls-ca', cutShort], 2],
    [['--listen', 'tls://127.0.0.1:0', '--tls-cert', cutShort, '--tls-key', server.key], 2],
    [[...ON, '--tls-ca', join(folder, 'absent.pem')], 1],
  ])('that cannot work are one line: %j', async (args, code) => {
    const program = new Program(args);
    expect(await program.exit()).toBe(code);
    expect(program.stderr).toMatch(/^a-chat: [^\n]+\n$/);
    expect(program.stdout).toBe('');
  });
});

describe.each(['tls', 'unix'])('over %s', (way) => {
  const path = join(folder, 'slow.sock');
  const listen = way === 'tls' ? ON : ['--listen', `unix:${path}`];

  test('a slow but steady reader is not cut off, and one that never reads is, with true counts', async () => {
    const program = await Program.serve(...listen, '--write-timeout', '2', '--max-line', '4000000');
    const at = way === 'tls' ? place(program.port) : path;
    const slow = await Peer.login(at, 'slow');
    const deaf = await Peer.login(at, 'deaf');
    deaf.socket.pause();
    slow.socket.pause();
    slow.socket.on('data', () => slow.socket.pause());
    const sip = setInterval(() => slow.socket.resume(), 40);
    const alice = await Peer.login(at, 'alice');
    const long = 'x'.repeat(2_000_000);
    for (let count = 0; count < 8; count += 1) alice.send(`deaf: ${long}\n`);
    alice.send(`slow: ${long}\n`);
    const left = await program.logged('left', ({ name }) => name === 'deaf');
    expect(left).toMatchObject({ reason: 'slow-consumer' });
    await slow.heard(`from alice: ${long}\n`);
    clearInterval(sip);
    deaf.socket.resume();
    await until(() => deaf.closed || deaf.ended, 'the rest');
    await alice.settled();
    const refused = alice.lines.filter((line) => line.startsWith('! not-connected deaf: ')).length;
    const received = deaf.text.split('\n').filter((line) => line === `from alice: ${long}`).length;
    expect(Number(left.delivered) + Number(left.abandoned) + refused).toBe(8);
    expect(received).toBeGreaterThanOrEqual(Number(left.delivered));
    deaf.socket.destroy();
  });

  test('a sender is slowed where its recipient does not read, and all arrives once it does', async () => {
    const program = await Program.serve(...listen, '--write-timeout', '60', '--max-pending', '1000000');
    const at = way === 'tls' ? place(program.port) : path;
    const bob = await Peer.login(at, 'bob');
    bob.socket.pause();
    const alice = await Peer.login(at, 'alice');
    const padding = 'x'.repeat(1000);
    const count = 40_000;
    const line = (index: number) => `${String(index)} ${padding}`;
    let sent = 0;
    const pump = () => {
      while (sent < count && alice.socket.writableLength < 100_000) {
        alice.send(Array.from({ length: 100 }, () => `bob: ${line((sent += 1))}\n`).join(''));
      }
      if (sent < count) alice.socket.once('drain', pump);
      else alice.end();
    };
    pump();
    let [before, unchanged] = [0, 0];
    await until(() => {
      unchanged = sent === before ? unchanged + 1 : 0;
      before = sent;
      return unchanged === 100;
    }, 'the sender to be stopped');
    expect(sent).toBeLessThan(count / 2);
    bob.socket.resume();
    await alice.heard(`* closing eof: accepted ${count}, delivered 0\n`);
    await until(() => bob.lines.length > count, 'the rest');
    const expected = Array.from({ length: count }, (_, index) => `from alice: ${line(index + 1)}`);
    expect(bob.lines.slice(1).every((got, index) => got === expected[index])).toBe(true);
  });

  test('a session that is closed while its peer talks on is closed without a reset', async () => {
    const program = await Program.serve(...listen, '--linger-timeout', '60');
    const peer = await Peer.login(way === 'tls' ? place(program.port) : path, 'alice');
    const talk = setInterval(() => {
      peer.send('alice: too late\n'.repeat(1000));
    }, 5);
    peer.send(`${'alice: in time\n'.repeat(1000)}/quit\n`);
    const text = await peer.whole();
    await until(() => peer.socket.bytesWritten > 1_000_000, 'what is said behind the end');
    clearInterval(talk);
    peer.end();
    await until(() => peer.closed, 'the close');
    expect(peer.error).toBeUndefined();
    expect(text).toMatch(/\n\* closing quit: accepted 1000, delivered 1000\n$/);
    expect(text.split('from alice: in time\n')).toHaveLength(1001);
    expect(text).not.toContain('too late');
  });
});
