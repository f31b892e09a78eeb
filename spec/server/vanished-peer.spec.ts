import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { Program } from '../support/program.ts';
import { until } from '../support/until.ts';

/**
 * Two hosts of this machine, of which one can vanish: network namespaces, for which one must be root, on
 * Linux.
 */
const canUnshare = spawnSync('unshare', ['--net', 'ip', 'link']).status === 0;

const children: ChildProcess[] = [];

afterEach(async () => {
  await Program.stopAll();
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

class Host {
  readonly #holder = spawn('unshare', ['--net', 'sh', '-c', 'echo ready; exec sleep 300']);
  readonly launcher = ['nsenter', '--net', '--target', String(this.#holder.pid)];

  static async start(): Promise<Host> {
    const host = new Host();
    children.push(host.#holder);
    let ready = false;
    host.#holder.stdout.once('data', () => (ready = true));
    await until(() => ready, 'a network namespace');
    return host;
  }

  get pid(): string {
    return String(this.#holder.pid);
  }

  ip(...args: string[]): string {
    const [file = '', ...launcher] = this.launcher;
    return execFileSync(file, [...launcher, 'ip', ...args]).toString();
  }

  /** A netcat on this host that logs in and then says nothing. */
  netcat(address: string, port: number, name: string): ChildProcess {
    const [file = '', ...launcher] = this.launcher;
    const netcat = spawn(file, [...launcher, 'nc', address, String(port)]);
    children.push(netcat);
    netcat.stdin.write(`${name}\n`);
    return netcat;
  }
}

/**
 * Two hosts with a wire between them; `far` can go silent without a word, as a machine does that loses its
 * power.
 */
async function twoHosts(): Promise<{ near: Host; vanish: () => void; far: Host }> {
  const [near, far] = [await Host.start(), await Host.start()];
  execFileSync(
    'ip',
    'link add near netns'
      .split(' ')
      .concat(near.pid, 'type', 'veth', 'peer', 'name', 'far', 'netns', far.pid),
  );
  near.ip('addr', 'add', '10.99.0.1/24', 'dev', 'near');
  far.ip('addr', 'add', '10.99.0.2/24', 'dev', 'far');
  near.ip('link', 'set', 'near', 'up');
  far.ip('link', 'set', 'far', 'up');
  near.ip('link', 'set', 'lo', 'up');
  const mac = /link\/ether (\S+)/.exec(far.ip('link', 'show', 'far'))?.[1] ?? '';
  // The near end is to go on sending, not to learn that nobody answers for the address.
  near.ip('neigh', 'replace', '10.99.0.2', 'lladdr', mac, 'nud', 'permanent', 'dev', 'near');
  return { near, far, vanish: () => far.ip('addr', 'flush', 'dev', 'far') };
}

describe('a peer whose machine vanishes', () => {
  // Skipped for those who may not make hosts that vanish, all but root on Linux: no other way makes a peer go
  // silent.
  (canUnshare ? test : test.skip)(
    'is noticed though nobody writes to it, and its name is free again',
    async () => {
      const { near, far, vanish } = await twoHosts();
      const args = ['--host', '10.99.0.1', '--port', '0', '--keep-alive', '1'];
      const server = new Program(args, {}, near.launcher);
      const { port } = await server.logged('listening');
      far.netcat('10.99.0.1', Number(port), 'alice');
      await server.logged('joined', ({ remote }) => String(remote).startsWith('10.99.0.2:'));
      const witness = near.netcat('10.99.0.1', Number(port), 'witness');
      await server.logged('joined', ({ name }) => name === 'witness');

      vanish();
      await until(() => server.log.some(({ event }) => event === 'left'), 'the server to notice');
      expect(await server.logged('left')).toMatchObject({ name: 'alice', reason: 'reset', abandoned: 0 });
      near.netcat('10.99.0.1', Number(port), 'alice');
      await server.logged(
        'joined',
        ({ name, remote }) => name === 'alice' && String(remote).startsWith('10.99.0.1:'),
      );
      expect(witness.exitCode).toBeNull();
    },
  );
});
