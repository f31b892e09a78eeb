import { existsSync, lstatSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Endpoint, parseEndpoint, showEndpoint } from '../lib/endpoint.ts';
import { Peer } from './support/peer.ts';
import { Program } from './support/program.ts';
import { Server, stopServers } from './support/server.ts';
import { until } from './support/until.ts';

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

  test('where there is no folder is one line', async () => {
    const program = new Program(['--listen', `unix:${join(folder, 'none', 'chat.sock')}`]);
    expect(await program.exit()).toBe(1);
    expect(program.stderr).toMatch(/^a-chat: [^\n]+\n$/);
  });
});
