import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Endpoint, parseEndpoint, showEndpoint } from '../../lib/protocol/endpoint.ts';
import { serverOptions } from '../../lib/server-options.ts';
import { Peer } from '../support/peer.ts';
import { Program } from '../support/program.ts';
import { Server, stopServers } from '../support/server.ts';
import { until } from '../support/until.ts';

let folder = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'a-chat-'));
});

afterEach(async () => {
  stopServers();
  await Program.stopAll();
  rmSync(folder, { recursive: true });
});

/** A program on the Unix socket `path`, which listens. */
async function serve(path: string, ...args: string[]): Promise<Program> {
  const program = new Program(['--listen', `unix:${path}`, ...args]);
  await program.logged('listening');
  return program;
}

describe('an endpoint', () => {
  test.each<[string, Endpoint]>([
    ['tcp://127.0.0.1:8080', { transport: 'tcp', host: '127.0.0.1', port: 8080 }],
    ['tls://0.0.0.0:8443', { transport: 'tls', host: '0.0.0.0', port: 8443 }],
    ['tcp://localhost:0', { transport: 'tcp', host: 'localhost', port: 0 }],
    ['tcp://[::1]:65535', { transport: 'tcp', host: '::1', port: 65535 }],
    ['tcp://[fe80::1%eth0]:1', { transport: 'tcp', host: 'fe80::1%eth0', port: 1 }],
    ['unix:/run/a-chat.sock', { transport: 'unix', path: '/run/a-chat.sock' }],
    ['unix:a chat, here', { transport: 'unix', path: 'a chat, here' }],
  ])('%s is read, and written as it was', (text, endpoint) => {
    expect(parseEndpoint(text)).toEqual(endpoint);
    expect(showEndpoint(endpoint)).toBe(text);
  });

  test('of a path may have the slashes of a URL', () => {
    expect(parseEndpoint('unix:///run/a')).toEqual({ transport: 'unix', path: '/run/a' });
  });

  test.each([
    '',
    '8080',
    'localhost:8080',
    'tcp://localhost',
    'tcp://:8080',
    'tcp://localhost:65536',
    'tcp://localhost:+1',
    'tcp://::1:8080',
    'tcp://[]:8080',
    'tcp://me@localhost:8080',
    'tcp://localhost:8080/',
    'tcp:localhost:8080',
    'TCP://localhost:8080',
    'udp://localhost:8080',
    'unix:',
    'unix:\0abstract',
    '/run/a-chat.sock',
  ])('is not %j', (text) => {
    expect(parseEndpoint(text)).toBeUndefined();
  });
});

describe('several endpoints', () => {
  test('are one chat, each told of, and drain together', async () => {
    const path = join(folder, 'chat.sock');
    const args = ['tcp://127.0.0.1:0', `unix:${path}`, 'tcp://127.0.0.1:0'];
    const program = new Program(args.flatMap((endpoint) => ['--listen', endpoint]));
    await until(() => program.log.length === args.length, 'all to listen');
    const ports = program.log.flatMap(({ port }) => (typeof port === 'number' ? [port] : []));
    expect(program.log.map(({ event, endpoint, msg }) => [event, endpoint, msg]).sort()).toEqual(
      [...ports.map((port) => `tcp://127.0.0.1:${port}`), `unix:${path}`]
        .sort()
        .map((endpoint) => [
          'listening',
          endpoint,
          expect.stringContaining(`listening on ${endpoint}, `) as string,
        ]),
    );

    const peers = [
      await Peer.login(ports[0] ?? 0, 'alice'),
      await Peer.login(path, 'bob'),
      await Peer.login(ports[1] ?? 0, 'carol'),
    ];
    for (const peer of peers) peer.send('alice, bob, carol: hello\n');
    await Promise.all(peers.map((peer) => peer.settled()));
    for (const name of ['alice', 'bob', 'carol']) {
      for (const peer of peers) await peer.heard(`from ${name}: hello\n`);
    }
    expect(await program.logged('joined', ({ name }) => name === 'bob')).toMatchObject({
      remote: `unix:${path}`,
    });

    program.signal('SIGTERM');
    for (const peer of peers) {
      expect(await peer.whole()).toMatch(/\* closing shutdown: accepted 1, delivered 3\n$/);
      peer.end();
    }
    expect(await program.exit()).toBe(0);
    expect(existsSync(path)).toBe(false);
  });

  test('share one limit', async () => {
    const path = join(folder, 'chat.sock');
    const server = await Server.start({
      listen: ['tcp://127.0.0.1:0', `unix:${path}`],
      maxConnections: 1,
    });
    await server.told('listening', ({ address }) => address === path);
    await server.login('alice');
    expect(await server.connect(path).whole()).toMatch(/^! server-full: /);
    await server.told('refused', ({ remote, code }) => remote === `unix:${path}` && code === 'server-full');
  });

  test('of which one cannot be listened on are none, and that is one line', async () => {
    const taken = await Server.start();
    const path = join(folder, 'chat.sock');
    const program = new Program([
      ...['--listen', `unix:${path}`],
      ...['--listen', `tcp://127.0.0.1:${taken.port}`],
    ]);
    expect(await program.exit()).toBe(1);
    expect(program.stderr).toMatch(/^a-chat: [^\n]*EADDRINUSE[^\n]*\n$/);
    expect(existsSync(path)).toBe(false);
  });
});

describe('a Unix socket', () => {
  test.each([
    [[], 0o600],
    [['--socket-mode', '660'], 0o660],
    [['--socket-mode', '0777'], 0o777],
  ])('with %j has its mode', async (args, mode) => {
    const path = join(folder, 'chat.sock');
    await serve(path, ...args);
    expect(lstatSync(path).mode & 0o777).toBe(mode);
  });

  test('that a process left behind when it was killed is replaced', async () => {
    const path = join(folder, 'chat.sock');
    const first = await serve(path);
    first.signal('SIGKILL');
    await first.exit();
    expect(existsSync(path)).toBe(true);
    await serve(path);
    await Peer.login(path, 'alice');
  });

  test('that somebody listens on is in use', async () => {
    const path = join(folder, 'chat.sock');
    await serve(path);
    const second = new Program(['--listen', `unix:${path}`]);
    expect(await second.exit()).toBe(1);
    expect(second.stderr).toMatch(/^a-chat: [^\n]*address already in use[^\n]*\n$/);
    await Peer.login(path, 'alice');
  });

  test('does not take the place of a file', async () => {
    const path = join(folder, 'notes.txt');
    writeFileSync(path, 'to be kept');
    const program = new Program(['--listen', `unix:${path}`]);
    expect(await program.exit()).toBe(1);
    expect(program.stderr).toMatch(/^a-chat: [^\n]+\n$/);
    expect(lstatSync(path).size).toBe(10);
  });

  test.each([
    [[], 1],
    [['config'], 1],
  ])('where there is no folder is one line that says so: %j', async (command, code) => {
    const none = join(folder, 'none');
    const program = new Program([...command, '--listen', `unix:${join(none, 'chat.sock')}`]);
    expect(await program.exit()).toBe(code);
    expect(program.stderr).toMatch(/^a-chat: ENOENT: [^\n]+\n$/);
    expect(program.stderr).toContain(none);
  });

  test.each([['serve'], ['config'], ['connect']])('of too long a path is one line: %s', async (command) => {
    const path = `${folder}/${'x'.repeat(107 - folder.length)}`;
    expect(path).toHaveLength(108);
    const args = command === 'connect' ? [`unix:${path}`] : ['--listen', `unix:${path}`];
    const program = new Program([command, ...args]);
    expect(await program.exit()).toBe(2);
    expect(program.stderr).toMatch(/^a-chat: [^\n]+ must have a path of at most 107 bytes, not [^\n]+\n$/);
    expect(readdirSync(folder)).toEqual([]);
  });

  test('may have the longest path that there is, and the shortest name', async () => {
    const longest = `${folder}/${'x'.repeat(106 - folder.length)}`;
    await serve(longest);
    await Peer.login(longest, 'alice');
    const deep = `${folder}/${'y'.repeat(104 - folder.length)}`;
    mkdirSync(deep);
    const shortest = `${deep}/s`;
    expect(shortest).toHaveLength(107);
    await serve(shortest);
    await Peer.login(shortest, 'bob');
    expect(readdirSync(deep)).toEqual(['s']);
  });

  test('may have a path of bytes beyond ASCII, counted as such', () => {
    expect(() => serverOptions({ listen: [`unix:/${'\u00e9'.repeat(53)}`] })).not.toThrow();
    expect(() => serverOptions({ listen: [`unix:/${'\u00e9'.repeat(54)}`] })).toThrow(/at most 107 bytes/);
  });

  test.each([
    ['that another server has put there', true],
    ['that is no socket any more', false],
  ])('is left alone by the end of a server if it is one %s', async (_what, again) => {
    const path = join(folder, 'chat.sock');
    const first = await serve(path);
    unlinkSync(path);
    if (again) await serve(path);
    else writeFileSync(path, 'to be kept');
    first.signal('SIGTERM');
    expect(await first.exit()).toBe(0);
    expect(readdirSync(folder)).toEqual(['chat.sock']);
    if (again) await Peer.login(path, 'alice');
  });

  test('is removed by the end of its server, and nothing is left', async () => {
    const path = join(folder, 'chat.sock');
    const first = await serve(path);
    expect(readdirSync(folder)).toEqual(['chat.sock']);
    first.signal('SIGTERM');
    expect(await first.exit()).toBe(0);
    expect(readdirSync(folder)).toEqual([]);
  });

  test('that was left behind goes to one of two servers that start at once', async () => {
    const path = join(folder, 'chat.sock');
    const killed = await serve(path);
    killed.signal('SIGKILL');
    await killed.exit();
    const programs = [1, 2, 3].map(() => new Program(['--listen', `unix:${path}`]));
    await until(() => programs.filter(({ result }) => result !== undefined).length === 2, 'the end of two');
    const losers = programs.filter(({ result }) => result !== undefined);
    for (const { result, stderr } of losers) {
      expect(result).toBe(1);
      expect(stderr).toMatch(/^a-chat: [^\n]*address already in use[^\n]*\n$/);
    }
    await Peer.login(path, 'alice');
    expect(readdirSync(folder)).toEqual(['chat.sock']);
  });

  test('of a folder that may not be written to names the path that was asked for', async () => {
    const program = new Program(['--listen', 'unix:/proc/chat.sock']);
    expect(await program.exit()).toBe(1);
    expect(program.stderr).toMatch(/^a-chat: [^\n]+ \/proc\/chat\.sock\n$/);
  });
});

const LOCALHOST = ['127.0.0.1', '::1'];

function reaches(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port }, () => {
      resolve(true);
      socket.destroy();
    }).on('error', () => {
      resolve(false);
    });
  });
}

describe('localhost', () => {
  test('is both of its addresses, at one port', async () => {
    const program = await Program.serve('--host', 'localhost');
    expect(program.log).toHaveLength(1);
    expect(await program.logged('listening')).toMatchObject({
      endpoint: `tcp://localhost:${program.port}`,
      address: 'localhost',
      addresses: LOCALHOST,
      msg: expect.stringContaining(`tcp://localhost:${program.port} (127.0.0.1, ::1), `) as string,
    });
    for (const host of LOCALHOST) expect(await reaches(host, program.port)).toBe(true);
    const client = new Program(['connect', 'tcp://localhost:' + String(program.port), '--name', 'alice']);
    await until(() => client.stdout.includes('* welcome alice\n'), 'the welcome');
    program.signal('SIGTERM');
    client.end();
    expect([await program.exit(), await client.exit()]).toEqual([0, 0]);
  });

  test('at a port that is taken at one of them is one line', async () => {
    const taken = await Server.start({ host: '::1' });
    const program = new Program(['--host', 'localhost', '--port', String(taken.port)]);
    expect(await program.exit()).toBe(1);
    expect(program.stderr).toMatch(/^a-chat: [^\n]*EADDRINUSE[^\n]*\n$/);
  });

  // Skipped for all but root: nobody else may take the addresses of IPv6 from a network of their own.
  (process.getuid?.() === 0 ? test : test.skip)('is one address where there is no IPv6', async () => {
    const up = 'ip link set lo up; ip -6 address flush dev lo; exec "$@"';
    const program = new Program(['--host', 'localhost', '--port', '0'], {}, [
      'unshare',
      '--net',
      'sh',
      '-ec',
      up,
      'sh',
    ]);
    const { address, port } = await program.logged('listening');
    expect([address, typeof port]).toEqual(['127.0.0.1', 'number']);
  });
});

describe('endpoints at one port', () => {
  test.each([
    ['0.0.0.0', '[::]'],
    ['[::]', '0.0.0.0'],
    ['127.0.0.1', '[::1]'],
  ])('are both: %s and %s', async (...hosts) => {
    // A port that was free a moment ago may be taken by now, by somebody else.
    let [port, program] = [0, new Program(['--version'])];
    do {
      const free = await Server.start({ host: '::' });
      port = free.port;
      free.stop();
      program = new Program(hosts.flatMap((host) => ['--listen', `tcp://${host}:${port}`]));
      await until(() => program.log.length === 2 || program.result !== undefined, 'both to listen');
    } while (program.stderr.includes('EADDRINUSE') && (await reaches('::1', port)));
    expect(program.stderr).toBe('');
    for (const host of LOCALHOST) expect(await reaches(host, port)).toBe(true);
  });

  test.each([
    [['tcp://127.0.0.1:81', 'tcp://127.0.0.1:81'], 'has tcp://127.0.0.1:81 twice'],
    [['unix:/run/a.sock', 'unix:///run/a.sock'], 'has unix:/run/a.sock twice'],
    [['systemd:chat', 'systemd:chat'], 'has systemd:chat twice'],
    [['tcp://[::]:81', 'tcp://127.0.0.1:81'], /has tcp:\/\/\[::\]:81, which is .* tcp:\/\/127\.0\.0\.1:81/],
    [
      ['tcp://127.0.0.1:81', 'tcp://0.0.0.0:81'],
      /has tcp:\/\/0\.0\.0\.0:81, which is .* tcp:\/\/127\.0\.0\.1:81/,
    ],
    [
      ['tcp://127.0.0.1:81', 'tcp://localhost:81'],
      /has tcp:\/\/localhost:81, which is .* tcp:\/\/127\.0\.0\.1:81/,
    ],
    [['tcp://[::1]:81', 'tcp://[0:0::1]:81'], /which is the same place as/],
    [['tcp://[::ffff:127.0.0.1]:81', 'tcp://127.0.0.1:81'], /which is the same place as/],
    [['tcp://[::]:81', 'tcp://0.0.0.0:81', 'tcp://[::1]:81'], /has tcp:\/\/\[::\]:81, which is/],
  ])('are not the same place: %j', (listen, problem) => {
    expect(() => serverOptions({ listen })).toThrow(problem);
  });

  test.each([
    [['tcp://127.0.0.1:0', 'tcp://127.0.0.1:0']],
    [['tcp://127.0.0.1:81', 'tcp://127.0.0.1:82', 'tcp://127.0.0.2:81']],
    [['tcp://0.0.0.0:81', 'tcp://[::]:81']],
    [['tcp://0.0.0.0:81', 'tcp://[::1]:81']],
    [['tcp://chat.example:81', 'tcp://127.0.0.1:81']],
    [['unix:/run/a.sock', 'unix:/run/b.sock', 'systemd:a', 'systemd:b']],
  ])('may be %j', (listen) => {
    expect(serverOptions({ listen })).toMatchObject({ listen });
  });

  test('that are one are one line of the operator', async () => {
    const program = new Program(['--listen', 'tcp://[::]:81', '--listen', 'tcp://[::1]:81']);
    expect(await program.exit()).toBe(2);
    expect(program.stderr).toMatch(/^a-chat: --listen has tcp:\/\/\[::\]:81, which is [^\n]+\n$/);
  });
});
