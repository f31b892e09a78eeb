import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { inherited } from '../../lib/listeners/systemd-sockets.ts';
import { Authority } from '../support/certificates.ts';
import { Peer } from '../support/peer.ts';
import { MAIN, Program } from '../support/program.ts';
import { until } from '../support/until.ts';
import { Walker } from '../support/walker.ts';

afterEach(async () => {
  Manager.stopAll();
  await Program.stopAll();
});

/** A bound socket, as this process holds it: it takes no connection itself. Node has that for `cluster`. */
interface Handle {
  readonly fd: number;
  getsockname(address: Partial<AddressInfo>): number;
  close(): void;
}

const { _createServerHandle: bind } = net as unknown as {
  _createServerHandle: (address: string, port: number, addressType: 4 | 6, fd: number) => Handle;
};

/** Plays systemd: holds listening sockets and hands them to one server after the other. */
class Manager {
  static readonly #all: Manager[] = [];
  readonly #handles: readonly Handle[];
  readonly #names: string;
  readonly #children: ChildProcess[] = [];

  constructor(...names: string[]) {
    this.#names = names.join(':');
    this.#handles = names.map(() => bind('127.0.0.1', 0, 4, -1));
    Manager.#all.push(this);
  }

  get ports(): number[] {
    return this.#handles.map((handle) => {
      const address: Partial<AddressInfo> = {};
      handle.getsockname(address);
      return address.port ?? 0;
    });
  }

  /** Starts a server; resolves when it listens. `events` are the lines of its log for one kind of them. */
  async start(...args: string[]): Promise<{
    child: ChildProcess;
    exit: Promise<number | null>;
    events: (kind: string) => string[];
  }> {
    // The shell becomes the server, so that it has the process id that the sockets are meant for.
    const command = 'LISTEN_PID=$$ exec "$0" "$@"';
    const child = spawn('sh', ['-c', command, process.execPath, MAIN, ...args], {
      env: { ...process.env, LISTEN_FDS: String(this.#handles.length), LISTEN_FDNAMES: this.#names },
      stdio: ['ignore', 'pipe', 'inherit', ...this.#handles.map(({ fd }) => fd)],
    });
    this.#children.push(child);
    const exit = new Promise<number | null>((resolve) => child.on('close', resolve));
    let log = '';
    child.stdout?.on('data', (data: Buffer) => (log += data.toString()));
    const events = (kind: string) => log.split('\n').filter((line) => line.includes(`"event":"${kind}"`));
    const listening = () => events('listening').length >= this.#handles.length;
    await until(() => listening() || child.exitCode !== null, 'the server to listen');
    return { child, exit, events };
  }

  /** For `afterEach`: leaves no server and no socket behind, whatever the test did. */
  static stopAll(): void {
    for (const manager of Manager.#all.splice(0)) {
      for (const child of manager.#children) child.kill('SIGKILL');
      for (const handle of manager.#handles) handle.close();
    }
  }
}

describe('sockets that systemd hands over', () => {
  it('outlive restarts: nobody is refused, and what was accepted is delivered', async () => {
    const manager = new Manager('chat');
    const [port = 0] = manager.ports;
    const args = ['--listen', 'systemd:chat', '--drain-timeout', '5', '--linger-timeout', '0.1'];
    const walker = new Walker();
    let server = await manager.start(...args);
    const walk = walker.walk(port);
    const codes: (number | null)[] = [];
    for (let restart = 0; restart < 10; restart += 1) {
      const before = walker.connections;
      server.child.kill('SIGTERM');
      codes.push(await server.exit);
      // Nobody accepts now; those who connect wait.
      server = await manager.start(...args);
      await until(() => walker.connections > before, 'the walker to be back');
    }
    walker.stop();
    server.child.kill('SIGTERM');
    codes.push(await server.exit);
    await walk;
    expect(walker.failures).toEqual([]);
    expect(codes).toEqual(codes.map(() => 0));
    expect(walker.connections).toBeGreaterThanOrEqual(10);
    expect(walker.received.length).toBeGreaterThan(10);
    expect(walker.received).toEqual(Array.from({ length: walker.accepted }, (_, index) => index + 1));
  });

  it('are told apart by their names, and those of one name are all listened on', async () => {
    const manager = new Manager('chat', 'office', 'chat');
    const server = await manager.start('--listen', 'systemd:chat', '--listen', 'systemd:office');
    for (const port of manager.ports) {
      const socket = net.connect(port, '127.0.0.1');
      let text = '';
      socket.on('data', (data: Buffer) => (text += data.toString())).end('/quit\n');
      await until(() => text.includes('* closing'), 'an answer');
    }
    server.child.kill('SIGTERM');
    expect(await server.exit).toBe(0);
  });

  it('are kept for lack of descriptors, and that is told for as long as it lasts', async () => {
    const manager = new Manager('chat');
    const server = await manager.start('--listen', 'systemd:chat');
    const [port = 0] = manager.ports;
    const pid = String(server.child.pid);
    const [, hard = ''] = /open files +\d+ +(\d+)/.exec(readFileSync(`/proc/${pid}/limits`, 'latin1')) ?? [];
    const limit = (files: string) => execFileSync('prlimit', ['--pid', pid, `--nofile=${files}:`]);
    const alice = await Peer.login(port, 'alice');

    limit(String(Math.max(...readdirSync(`/proc/${pid}/fd`).map(Number)) + 1));
    const crowd: Peer[] = [];
    const more = () => crowd.push(new Peer(port));
    await until(() => server.events('failing').length === 1 || more() < 0, 'the server to tell');
    const nobody = new Peer(port);
    await until(() => nobody.ended, 'the end of a connection');
    alice.send('alice: here\n');
    await alice.heard('from alice: here\n');

    // Until the next look for descriptors those who come are refused, each with a line in the log.
    limit(hard);
    let refused = 0;
    for (;;) {
      const bob = new Peer(port);
      bob.send('bob\n/quit\n');
      const isIn = () => bob.text.includes('* welcome bob');
      await until(() => isIn() || bob.ended || bob.closed, 'an answer');
      if (isIn()) break;
      refused += 1;
      bob.socket.destroy();
    }
    expect(server.events('failing')).toHaveLength(1);
    await until(() => server.events('listening').length === 2, 'the listener to be back');
    // Some in a line of their own, the others in sums.
    const told = () =>
      server
        .events('refused')
        .reduce((sum, line) => sum + ((JSON.parse(line) as { count?: number }).count ?? 1), 0);
    await until(() => told() === refused, 'all refusals to be told');
    for (const { socket } of [alice, ...crowd]) socket.destroy();
    server.child.kill('SIGTERM');
    expect(await server.exit).toBe(0);
  });

  it('speak TLS where they are to', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'a-chat-'));
    const authority = new Authority(folder);
    const { cert, key } = authority.issue('localhost');
    const manager = new Manager('safe');
    const files = ['--tls-cert', cert, '--tls-key', key];
    const server = await manager.start('--listen', 'systemd+tls:safe', ...files);
    const [port = 0] = manager.ports;
    const socket = tls.connect({ port, host: '127.0.0.1', ca: authority.ca });
    let text = '';
    socket.on('data', (data: Buffer) => (text += data.toString())).end('alice\n/quit\n');
    await until(() => text.includes('* closing quit'), 'the end of the session');
    server.child.kill('SIGTERM');
    expect(await server.exit).toBe(0);
    rmSync(folder, { recursive: true, force: true });
  });

  it('are those of this process, by their number and names', () => {
    const env = { LISTEN_PID: '7', LISTEN_FDS: '3', LISTEN_FDNAMES: 'a:b:a' };
    expect(inherited('a', { env, pid: 7 })).toEqual([3, 5]);
    expect(inherited('b', { env, pid: 7 })).toEqual([4]);
    expect(inherited('unknown', { env: { LISTEN_PID: '7', LISTEN_FDS: '1' }, pid: 7 })).toEqual([3]);
    expect(() => inherited('c', { env, pid: 7 })).toThrow(
      'systemd:c is not there: systemd handed over a, b, a',
    );
    expect(() => inherited('a', { env, pid: 8 })).toThrow('systemd handed over no socket');
    expect(() => inherited('a', { env: {}, pid: 8 })).toThrow('systemd handed over no socket');
  });

  it('take no passwords in plain text, unless that is said', async () => {
    const program = new Program(['--listen', 'systemd:chat', '--accounts', '/dev/null']);
    expect(await program.exit()).toBe(2);
    expect(program.stderr).toContain('accounts at systemd:chat: passwords would pass in plain text');
  });

  it('that are not there are one line and exit code 2', async () => {
    const program = new Program(['--listen', 'systemd:chat']);
    expect(await program.exit()).toBe(2);
    expect(program.stderr).toMatch(/^a-chat: [^\n]*systemd handed over no socket\n$/);
  });
});

describe('what systemd is told', () => {
  let folder = '';

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'a-chat-'));
  });

  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  /**
   * A server, with a stand-in for `systemd-notify` that notes what it is to tell and ends with `code`, if
   * that is none with a command.
   */
  async function serve(code: number | string, env: Record<string, string> = {}): Promise<Program> {
    const script = `#!/bin/sh\necho "$@" >> "${folder}/told"\n${typeof code === 'number' ? `exit ${code}` : code}\n`;
    writeFileSync(join(folder, 'systemd-notify'), script, { mode: 0o755 });
    const program = new Program(env.A_CHAT_LISTEN === undefined ? ['--port', '0'] : [], {
      PATH: `${folder}:${process.env.PATH ?? ''}`,
      NOTIFY_SOCKET: join(folder, 'socket'),
      ...env,
    });
    await program.logged('listening');
    return program;
  }

  const told = () => {
    try {
      return readFileSync(join(folder, 'told'), 'utf8').split('\n').slice(0, -1);
    } catch {
      return [];
    }
  };

  it('is that the server is ready, alive while it lives, and stopping', async () => {
    const program = await serve(0, { WATCHDOG_USEC: '100000' });
    await until(() => told().length >= 4, 'some messages');
    program.signal('SIGTERM');
    expect(await program.exit()).toBe(0);
    const [first, ...others] = told();
    expect(first).toBe('READY=1');
    expect(new Set(others)).toEqual(new Set(['WATCHDOG=1', 'STOPPING=1']));
    expect(others.filter((state) => state === 'STOPPING=1')).toHaveLength(1);
    expect(program.log.some(({ event }) => event === 'unsupervised')).toBe(false);
  });

  it('is that files were read again', async () => {
    const { cert, key } = new Authority(folder).issue('localhost');
    const program = await serve(0, {
      A_CHAT_LISTEN: 'tls://127.0.0.1:0',
      A_CHAT_TLS_CERT: cert,
      A_CHAT_TLS_KEY: key,
    });
    program.signal('SIGHUP');
    await until(() => told().length >= 3, 'three messages');
    expect(told()).toEqual(['READY=1', expect.stringMatching(/^RELOADING=1 MONOTONIC_USEC=\d+$/), 'READY=1']);
  });

  it('is nothing where there is nothing to read again, and SIGHUP ends nothing', async () => {
    const program = await serve(0);
    program.signal('SIGHUP');
    program.signal('SIGHUP');
    const { port } = await program.logged('listening');
    const alice = await Peer.login(Number(port), 'alice');
    alice.send('/ping\n');
    await alice.heard('* pong');
    expect(program.log.map(({ event }) => event)).not.toContain('draining');
    program.signal('SIGTERM');
    expect(await program.exit()).toBe(0);
    expect(told()).toEqual(['READY=1', 'STOPPING=1']);
  });

  it('is nothing of a watchdog that is not meant for it', async () => {
    const program = await serve(0, { WATCHDOG_USEC: '10000', WATCHDOG_PID: '1' });
    await until(() => told().length > 0, 'the first message');
    program.signal('SIGTERM');
    expect(await program.exit()).toBe(0);
    expect(told()).toEqual(['READY=1', 'STOPPING=1']);
  });

  it('is said on where the signal that ends all ends one message', async () => {
    const program = await serve('kill -TERM $$');
    await until(() => told().length > 0, 'the first message');
    program.signal('SIGTERM');
    expect(await program.exit()).toBe(0);
    expect(told()).toEqual(['READY=1', 'STOPPING=1']);
    expect(program.log.some(({ event }) => event === 'unsupervised')).toBe(false);
  });

  it('cannot be said where that fails, which is one line and no reason to stop', async () => {
    const program = await serve(1, { WATCHDOG_USEC: '50000' });
    await program.logged('unsupervised', ({ message }) => message === 'systemd-notify ended with 1');
    await until(() => told().includes('WATCHDOG=1'), 'a beat');
    program.signal('SIGTERM');
    expect(await program.exit()).toBe(0);
    expect(program.log.filter(({ event }) => event === 'unsupervised')).toHaveLength(1);
    expect(told().at(-1)).toBe('STOPPING=1');
  });

  /** Fails for as long as there is this file. */
  const broken = () => join(folder, 'broken');

  it('is told again where it failed: that the server is ready, and each beat', async () => {
    writeFileSync(broken(), '');
    const program = await serve(`test ! -e ${broken()}`, { WATCHDOG_USEC: '100000' });
    await program.logged('unsupervised');
    await until(() => told().filter((state) => state === 'READY=1').length >= 2, 'another try');
    rmSync(broken());
    const since = () => told().slice(before);
    const before = told().length;
    await until(() => since().includes('READY=1') && since().includes('WATCHDOG=1'), 'both to be told');
    // What worked once and fails again is told again.
    writeFileSync(broken(), '');
    await until(
      () => program.log.filter(({ event }) => event === 'unsupervised').length === 2,
      'the second line',
    );
    rmSync(broken());
    const later = told().length;
    await until(() => told().length >= later + 3, 'more beats');
    program.signal('SIGTERM');
    expect(await program.exit()).toBe(0);
    expect(told().at(-1)).toBe('STOPPING=1');
    expect(program.log.filter(({ event }) => event === 'unsupervised')).toHaveLength(2);
  });

  it('keeps no server from ending where systemd does not listen', async () => {
    const program = await serve('exec sleep 1000', { WATCHDOG_USEC: '50000' });
    await until(() => told().length > 0, 'the first message');
    await program.logged('unsupervised', ({ message }) => String(message).includes('did not end'));
    program.signal('SIGTERM');
    expect(await program.exit(60_000)).toBe(0);
    // Beats have not piled up.
    expect(told().length).toBeLessThan(10);
  }, 90_000);

  it('is no reason to end where the messenger is missing', async () => {
    const program = new Program(['--port', '0'], {
      PATH: folder,
      NOTIFY_SOCKET: join(folder, 'socket'),
      WATCHDOG_USEC: '50000',
    });
    await program.logged('unsupervised', ({ message }) => String(message).includes('ENOENT'));
    program.signal('SIGTERM');
    expect(await program.exit()).toBe(0);
    expect(program.log.filter(({ event }) => event === 'unsupervised')).toHaveLength(1);
  });
});
