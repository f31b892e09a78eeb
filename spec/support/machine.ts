import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { until } from './until.ts';

/** Units that ours refer to, and that do nothing here. */
const TARGETS = ['basic', 'default', 'multi-user', 'network', 'shutdown', 'sockets', 'sysinit'];

/** Where the unit looks for the program. */
const PROGRAM = 'opt/a-chat/node_modules/a-chat';

/**
 * Makes this process the first one of namespaces and of a control group of its own, and then systemd of it.
 */
const BOOT = `
set -e
mount --make-rprivate /
mount -t cgroup2 none "$FOLDER/cgroup"
mkdir "$FOLDER/cgroup/$GROUP"
echo $$ > "$FOLDER/cgroup/$GROUP/cgroup.procs"
exec unshare --cgroup --pid --fork --ipc --net sh -ec '
  mount -t proc proc /proc
  umount "$FOLDER/cgroup"
  mount -t tmpfs none /sys/fs/cgroup
  mount -t cgroup2 none /sys/fs/cgroup
  mount -t tmpfs none /run
  for part in lib node_modules; do
    mount --bind "$PWD/$part" "$FOLDER/$PROGRAM/$part"
  done
  mount --rbind "$FOLDER/opt" /opt
  mount --bind "$NODE" /usr/bin/node
  exec /lib/systemd/systemd --system --log-target=null'`;

/** Removes what is left of the control group. */
const CLEAR = `
mount -t cgroup2 none "$FOLDER/cgroup"
find "$FOLDER/cgroup/$GROUP" -depth -type d -exec rmdir {} ";"`;

/**
 * A systemd of its own, apart from all else on this machine, with the units of `deploy/` installed as
 * docs/operating.md says.
 * It needs to be root for that.
 */
export class Machine {
  /** Whether there can be one here. */
  static readonly possible =
    spawnSync('sh', ['-c', 'test -x /lib/systemd/systemd && test -x /usr/bin/node && unshare -mpCin -f true'])
      .status === 0;

  readonly #folder = mkdtempSync(join(tmpdir(), 'a-chat-'));
  readonly #env: NodeJS.ProcessEnv;
  readonly #process: ChildProcess;
  #complaint = '';

  constructor() {
    const units = join(this.#folder, 'units');
    for (const folder of ['units', 'cgroup', `${PROGRAM}/lib`, `${PROGRAM}/node_modules`]) {
      mkdirSync(join(this.#folder, folder), { recursive: true });
    }
    copyFileSync('package.json', join(this.#folder, PROGRAM, 'package.json'));
    for (const target of TARGETS) {
      writeFileSync(join(units, `${target}.target`), '[Unit]\nDefaultDependencies=no\n');
    }
    for (const unit of ['a-chat.service', 'a-chat.socket']) copyFileSync(`deploy/${unit}`, join(units, unit));
    this.#env = {
      PATH: process.env.PATH,
      container: 'test',
      SYSTEMD_UNIT_PATH: units,
      FOLDER: this.#folder,
      PROGRAM,
      // The unit says where Node is; here it is to be the one that runs the tests.
      NODE: process.execPath,
      GROUP: `a-chat-${process.pid}`,
    };
    this.#process = spawn('unshare', ['--mount', 'sh', '-c', BOOT], {
      env: this.#env,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#process.stderr?.on('data', (data: Buffer) => (this.#complaint += data.toString()));
  }

  /** Resolves when the services that are to run run. */
  async boot(): Promise<void> {
    let up = false;
    const ask = () => {
      this.systemctl('is-active', 'default.target').then(
        () => (up = true),
        () => setTimeout(ask, 50),
      );
    };
    ask();
    await until(
      () => up,
      () => `systemd to start: ${this.#complaint}`,
    );
  }

  /** Puts settings in place of those of a unit, or its own back, as `systemctl edit` does. */
  async edit(unit: string, settings: string): Promise<void> {
    const folder = join(this.#folder, 'units', `${unit}.d`);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'override.conf'), settings);
    await this.systemctl('daemon-reload');
  }

  /** A path that is the same for this process and for systemd, though not for what a unit hides /tmp from. */
  path(name: string): string {
    return join(this.#folder, name);
  }

  /** Resolves with what the command says when it has done its work; rejects where it fails. */
  systemctl(...args: string[]): Promise<string> {
    return this.run('systemctl', ...args);
  }

  /** One property of the service. */
  show(property: string): Promise<string> {
    return this.systemctl('show', '--property', property, '--value', 'a-chat.service');
  }

  /** Runs a command there, as `systemctl` does. */
  async run(...command: string[]): Promise<string> {
    const spaces = ['--mount', '--pid', '--ipc', '--net', '--cgroup'];
    const args = ['--target', String(this.#first), ...spaces, ...command];
    const { stdout } = await promisify(execFile)('nsenter', args);
    return stdout.trim();
  }

  /** Ends it with all that runs there. */
  async halt(): Promise<void> {
    const ended = () => this.#process.signalCode !== null || this.#process.exitCode !== null;
    // The kernel ends the others before whoever waits for the first process hears of its end.
    if (!ended()) process.kill(this.#first, 'SIGKILL');
    await until(ended, 'systemd to end');
    spawnSync('unshare', ['--mount', 'sh', '-c', CLEAR], { env: this.#env });
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** The process id of systemd, as it is out here. */
  get #first(): number {
    const { pid = 0 } = this.#process;
    return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8'));
  }
}
