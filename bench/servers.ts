import { type ChildProcess, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { launch, stop, temporary } from './children.ts';
import { find } from './find.ts';
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
  readonly wire: WireName;
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

interface Peer {
  readonly program: string;
  readonly wire: WireName;
  /** Arguments for a server whose limits cut nobody off and which stores nothing. */
  readonly args: (port: number) => string[];
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
};

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
      const trial = await server.start();
      await trial.stop();
      peers.push(server);
    } catch (failure) {
      absent.push(`${peer.program} (${String(failure)})`);
    }
  }
  return { peers, absent };
}

function peerServer({ program, wire, args }: Peer, path: string): Server {
  const version = /\d+(\.\d+)+/.exec(execFileSync(path, ['--version'], { encoding: 'utf8' }))?.[0] ?? '?';
  return {
    name: program,
    version,
    wire,
    start: async () => {
      const port = await freePort();
      const child = launch('server', [path, ...args(port)], 'ignore');
      await accepting(child, port);
      return running(child, port);
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

/** Waits until a server takes connections. */
async function accepting(child: ChildProcess, port: number): Promise<void> {
  const deadline = performance.now() + START;
  let failure: unknown;
  child.once('error', (error) => (failure = error));
  while (!(await reachable(port))) {
    if (failure !== undefined || child.exitCode !== null || performance.now() > deadline) {
      await stop(child);
      throw new Error('it does not start', { cause: failure });
    }
    await pause(20);
  }
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
