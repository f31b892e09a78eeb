import { type ChildProcess, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Authority } from '../spec/support/certificates.ts';
import { launch, stop, temporary } from './children.ts';
import { find } from './find.ts';
import type { Work } from './order.ts';
import type { WireName } from './wire.ts';

/** A server that runs. */
export interface Running {
  readonly port: number;
  readonly pid: number;
  readonly child: ChildProcess;
  readonly stop: () => Promise<void>;
}

/** A server that can be measured. */
export interface Server {
  readonly name: string;
  readonly version: string;
  /** Whether it is ours, so that what it does wrong fails the benchmark. */
  readonly ours: boolean;
  readonly wire: WireName;
  /** Why it cannot do a work, if so. */
  readonly unfit?: (work: Work) => string | undefined;
  readonly start: () => Promise<Running>;
}

/** ms for a server to listen. */
const START = 10_000;

/** The program, as users start it. */
export const OWN = [fileURLToPath(new URL('../lib/main.js', import.meta.url)), '--port', '0'];

/** Ours, with all its defaults. */
export function ownServer(nodeOptions: readonly string[] = []): Server {
  const { name, version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    name: string;
    version: string;
  };
  return {
    name,
    version,
    ours: true,
    wire: 'chat',
    start: async () => {
      const child = launch(
        'server',
        [process.execPath, ...nodeOptions, ...OWN],
        ['ignore', 'pipe', 'inherit'],
      );
      return running(child, await loggedPort(child));
    },
  };
}

/** Ours with its admin endpoint, which is scraped every second as long as the server runs. */
export function scrapedServer(): Server {
  const { version } = ownServer();
  return {
    name: 'a-chat, scraped',
    version,
    ours: true,
    wire: 'chat',
    start: async () => {
      const admin = await freePort();
      const child = launch(
        'server',
        [process.execPath, ...OWN, '--admin', String(admin)],
        ['ignore', 'pipe', 'inherit'],
      );
      const port = await loggedPort(child);
      const scrape = async () => {
        const answer = await fetch(`http://127.0.0.1:${admin}/metrics`);
        await answer.text();
      };
      await scrape();
      const scrapes = setInterval(() => {
        // A server that is killed breaks the connection.
        scrape().catch(() => {});
      }, 1000);
      child.once('exit', () => {
        clearInterval(scrapes);
      });
      return running(child, port);
    },
  };
}

/** Ours over TLS, with a certificate that openssl makes. */
export function tlsServer(): Server {
  const { version } = ownServer();
  return {
    name: 'a-chat, TLS',
    version,
    ours: true,
    wire: 'chat over TLS',
    start: async () => {
      const { cert, key } = new Authority(temporary('')).issue('server');
      const files = ['--tls-cert', cert, '--tls-key', key];
      const [main = ''] = OWN;
      const child = launch(
        'server',
        [process.execPath, main, '--listen', 'tls://127.0.0.1:0', ...files],
        ['ignore', 'pipe', 'inherit'],
      );
      return running(child, await loggedPort(child));
    },
  };
}

interface Peer {
  readonly program: string;
  /** What it is called, if not as its program. */
  readonly title?: string;
  readonly wire: WireName;
  /** Arguments for a server whose limits cut nobody off and which stores nothing. */
  readonly args: (port: number) => string[];
  readonly unfit?: (work: Work) => string | undefined;
}

/** Servers that do the same work, as far as they are installed. */
export const PEERS: Readonly<Record<string, Peer>> = {
  nats: {
    program: 'nats-server',
    wire: 'nats',
    args: (port) => {
      const file = temporary(`nats-${port}.conf`);
      const limits =
        'max_connections: 100000\nmax_pending: 2147483648\nwrite_deadline: "60s"\nping_interval: "1h"\n';
      writeFileSync(file, `host: 127.0.0.1\nport: ${port}\n${limits}`);
      return ['-c', file];
    },
  },
  redis: {
    program: 'redis-server',
    wire: 'redis',
    args: (port) => [
      ...['--bind', '127.0.0.1', '--port', String(port), '--save', '', '--appendonly', 'no'],
      ...['--dir', temporary(''), '--loglevel', 'warning', '--maxclients', '15000', '--tcp-backlog', '4096'],
      ...['--client-output-buffer-limit', 'pubsub', '0', '0', '0'],
    ],
  },
  ncat: {
    program: 'ncat',
    title: 'ncat --chat',
    wire: 'ncat',
    args: (port) => ['--listen', '--chat', '--max-conns', '1000', '127.0.0.1', String(port)],
    unfit: broadcastOnly,
  },
};

/** A broadcast among as many as select(2) takes, which is 1024 files. */
function broadcastOnly(work: Work): string | undefined {
  const room = 1000;
  if ('idle' in work) return work.idle > room ? `it has room for about ${room} connections` : undefined;
  if (work.senders > 1) return 'everybody reads what anybody writes, copied without a look at names or lines';
  return work.receivers >= room ? `it has room for about ${room} connections` : undefined;
}

/** The peers of these names that are installed and start; and which are not, and do not. */
export async function findPeers(names: readonly string[]): Promise<{ peers: Server[]; absent: string[] }> {
  const peers: Server[] = [];
  const absent: string[] = [];
  for (const [name, peer] of Object.entries(PEERS)) {
    if (!names.includes(name)) continue;
    const path = find(peer.program);
    if (path === undefined) {
      absent.push(`${peer.program} (not installed)`);
      continue;
    }
    try {
      const server = peerServer(peer, path);
      await tryOut(server);
      peers.push(server);
    } catch (failure) {
      absent.push(`${peer.program} (${messageOf(failure)})`);
    }
  }
  return { peers, absent };
}

/** @throws where a server does not start */
export async function tryOut(server: Server): Promise<void> {
  const { stop } = await server.start();
  await stop();
}

export function messageOf(failure: unknown): string {
  return failure instanceof Error ? failure.message : String(failure);
}

function peerServer({ program, title = program, wire, args, unfit }: Peer, path: string): Server {
  const said = spawnSync(path, ['--version'], { encoding: 'utf8' });
  const version = /\d+(\.\d+)+/.exec(said.stdout + said.stderr)?.[0] ?? '?';
  return {
    name: title,
    version,
    ours: false,
    wire,
    ...(unfit === undefined ? {} : { unfit }),
    start: async () => {
      const port = await freePort();
      return accepting(launch('server', [path, ...args(port)], 'ignore'), port);
    },
  };
}

/**
 * A server that speaks our protocol, as far as that is messages: `* welcome` and other notices need not be.
 *
 * @param command for the shell, with {port} for the port of 127.0.0.1 to listen on. The process that it
 * starts is the one that is measured and killed.
 */
export function commandServer(name: string, command: string): Server {
  return {
    name,
    version: '(--peer)',
    ours: false,
    wire: 'plain',
    start: async () => {
      const port = await freePort();
      const shell = ['/bin/sh', '-c', `exec ${command.replaceAll('{port}', String(port))}`];
      return accepting(launch('server', shell, 'ignore'), port);
    },
  };
}

function running(child: ChildProcess, port: number): Running {
  return { port, pid: child.pid ?? 0, child, stop: () => stop(child) };
}

/** The port that our server logs. What else it logs is read and dropped, so that it never waits for that. */
async function loggedPort(child: ChildProcess): Promise<number> {
  if (child.stdout === null) throw new TypeError('no log to read');
  const lines = createInterface(child.stdout);
  const port = await new Promise<number>((resolve, reject) => {
    lines.on('line', (line) => {
      const { event, port } = JSON.parse(line) as { event?: string; port?: number };
      if (event === 'listening' && port !== undefined) resolve(port);
    });
    child.once('error', reject);
    child.once('exit', () => {
      reject(new Error('the server ended before it listened'));
    });
    setTimeout(reject, START, new Error('the server does not listen')).unref();
  });
  lines.close();
  child.stdout.resume();
  return port;
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}

/** A server, when it takes connections. */
async function accepting(child: ChildProcess, port: number): Promise<Running> {
  const deadline = performance.now() + START;
  let failure: unknown;
  child.once('error', (error) => (failure = error));
  while (!(await reachable(port))) {
    const { exitCode } = child;
    if (failure !== undefined || exitCode !== null || performance.now() > deadline) {
      await stop(child);
      throw new Error(
        exitCode === null ? 'it does not listen' : `it ended with ${exitCode} before it listened`,
        {
          cause: failure,
        },
      );
    }
    await pause(20);
  }
  return running(child, port);
}

async function reachable(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' }, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => {
      resolve(false);
    });
  });
}
