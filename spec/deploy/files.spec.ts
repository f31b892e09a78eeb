import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Deployment } from 'kubernetes-types/apps/v1.d.ts';
import type { Service } from 'kubernetes-types/core/v1.d.ts';
import { parse, parseAllDocuments } from 'yaml';
import { readCommandLine } from '../../lib/cli/arguments.ts';
import { resolveSettings } from '../../lib/settings/sources.ts';
import { Peer } from '../support/peer.ts';
import { Program } from '../support/program.ts';
import { composeProblems, dockerfileProblems, manifestProblems } from '../support/validators.ts';

afterEach(() => Program.stopAll());

const read = (file: string) => readFileSync(`deploy/${file}`, 'utf8');

/** The settings that a deployment starts the server with; fails where the program would. */
function settingsOf(args: readonly string[], environment: Readonly<Record<string, string>> = {}) {
  let complaint = '';
  const order = readCommandLine(args, '', { out: () => {}, err: (text) => (complaint += text) });
  if (order.command !== 'serve') throw new Error(complaint);
  return resolveSettings(order.options, environment).values;
}

/** ms that a process has left, after the longest drain, to say how it went. */
const SPARE = 5000;

describe('each deployment gives the drain its time', () => {
  test('the systemd unit', () => {
    const unit = read('a-chat.service');
    const [, args = ''] = /^ExecStart=\S+ \S+main\.js (.*)$/m.exec(unit) ?? [];
    const stop = Number(/^TimeoutStopSec=(\d+)$/m.exec(unit)?.[1]);
    const { listen, drainTimeout } = settingsOf(args.split(' '));
    expect(stop * 1000).toBeGreaterThanOrEqual(drainTimeout + SPARE);
    const name = /^FileDescriptorName=(.*)$/m.exec(read('a-chat.socket'))?.[1] ?? '';
    expect(listen).toEqual([`systemd:${name}`]);
  });

  test('the compose file', () => {
    const { services } = parse(read('compose.yaml')) as {
      services: { chat: { environment: Record<string, unknown>; stop_grace_period: string } };
    };
    const { environment, stop_grace_period: grace } = services.chat;
    const variables = Object.entries(environment).map(([key, value]) => [key, String(value)]);
    const { drainTimeout } = settingsOf([], Object.fromEntries(variables) as Record<string, string>);
    expect(parseInt(grace, 10) * 1000).toBeGreaterThanOrEqual(drainTimeout + SPARE);
  });

  test('the Kubernetes manifest', () => {
    const [deployment, service] = parseAllDocuments(read('kubernetes.yaml')).map(
      (document) => document.toJS() as unknown,
    ) as [Deployment, Service];
    const template = deployment.spec?.template;
    const container = template?.spec?.containers[0];
    const { drainTimeout } = settingsOf(container?.args ?? []);
    const grace = template?.spec?.terminationGracePeriodSeconds ?? 0;
    expect(grace * 1000).toBeGreaterThanOrEqual(drainTimeout + SPARE);
    // Or the service's own variables would look like settings.
    expect(template?.spec?.enableServiceLinks).toBe(false);
    // What refers to each other, which no schema sees.
    expect(deployment.spec?.selector.matchLabels).toEqual(template?.metadata?.labels);
    expect(service.spec?.selector).toEqual(template?.metadata?.labels);
    const ports = container?.ports?.map(({ name }) => name);
    const { startupProbe, readinessProbe, livenessProbe } = container ?? {};
    for (const probe of [startupProbe, readinessProbe, livenessProbe]) {
      expect(ports).toContain(probe?.httpGet?.port);
    }
    expect(ports).toContain(service.spec?.ports?.[0]?.targetPort);
  });
});

test('the image runs the program itself as process 1, and not as root', () => {
  const last =
    read('Dockerfile')
      .split(/^FROM /m)
      .at(-1) ?? '';
  const [, entry = '[]'] = /^ENTRYPOINT (.*)$/m.exec(last) ?? [];
  const [, args = '[]'] = /^CMD (.*)$/m.exec(last) ?? [];
  expect(JSON.parse(entry)).toEqual(['node', 'node_modules/a-chat/lib/main.js']);
  expect(settingsOf(JSON.parse(args) as string[])).toMatchObject({ host: '0.0.0.0' });
  expect(last).toMatch(/^USER node$/m);
});

const canUnshare = spawnSync('unshare', ['--pid', '--fork', 'true']).status === 0;

// Skipped where a process may not be the first of its kind.
(canUnshare ? test : test.skip)('the program as process 1 gets the signal itself, and drains', async () => {
  const program = new Program(['--port', '0'], {}, ['unshare', '--pid', '--fork']);
  const { port } = await program.logged('listening');
  const alice = await Peer.login(Number(port), 'alice');
  const { pid = 0 } = program.child;
  const first = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
  expect(readFileSync(`/proc/${Number(first)}/status`, 'utf8')).toMatch(/^NSpid:.*\t1$/m);
  process.kill(Number(first), 'SIGTERM');
  expect(await alice.whole()).toContain('* closing shutdown: accepted 0, delivered 0\n');
  alice.end();
  expect(await program.exit()).toBe(0);
});

interface Checked {
  readonly file: string;
  readonly problems: (text: string) => string[];
  /** What is replaced by what, and what the check says then. */
  readonly slips: [string, string, string][];
}

// No engine and no cluster may be at hand; each check is shown to object to what is wrong.
describe.each([
  {
    file: 'Dockerfile',
    problems: dockerfileProblems,
    slips: [
      ['--from=build ', '--form=build ', 'Unknown flag: form'],
      ['USER node', 'USR node', 'Unknown instruction: USR'],
      ['EXPOSE 8080', 'EXPOSE chat', 'Invalid containerPort: chat'],
      ['COPY . .', 'COPY .', 'COPY requires at least two arguments'],
    ],
  },
  {
    file: 'compose.yaml',
    problems: composeProblems,
    slips: [
      ['stop_grace_period', 'stop_grace', 'must NOT have additional properties'],
      ['cap_drop: [ALL]', 'cap_drop: ALL', 'must be array'],
      ['dockerfile: deploy/Dockerfile', 'dockerfile: [Dockerfile]', 'must be string'],
    ],
  },
  {
    file: 'kubernetes.yaml',
    problems: manifestProblems,
    slips: [
      ['terminationGracePeriodSeconds', 'gracePeriodSeconds', "does not exist in type 'PodSpec'"],
      ['failureThreshold: 30', "failureThreshold: '30'", "not assignable to type 'number'"],
      ['matchLabels: { app: a-chat }', 'app: a-chat', "does not exist in type 'LabelSelector'"],
      ['    - { name: chat, port: 8080, targetPort: chat }', '    - { name: chat }', "'port' is missing"],
      ['apps/v1', 'apps/v1beta1', 'unknown: apps/v1beta1 Deployment'],
    ],
  },
] satisfies Checked[])('$file', ({ file, problems, slips }: Checked) => {
  it('is as its schema wants it', () => {
    expect(problems(read(file))).toEqual([]);
  });

  it.each(slips)('%s may not be %s', (right, wrong, complaint) => {
    const text = read(file);
    expect(text).toContain(right);
    expect(problems(text.replace(right, wrong))).toContainEqual(expect.stringContaining(complaint));
  });
});

const analyze = (...args: string[]) =>
  execFileSync('systemd-analyze', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

const hasSystemd = (() => {
  try {
    return analyze('--version') !== '';
  } catch {
    return false;
  }
})();

// Skipped where there is no systemd-analyze, as on other systems than Linux with systemd: the units are of no
// use there.
(hasSystemd ? describe : describe.skip)('the systemd units', () => {
  /** What systemd says of what it would not take; it exits with 0 all the same. */
  const verify = (...files: string[]) =>
    spawnSync('systemd-analyze', ['verify', '--man=no', ...files], { encoding: 'utf8' }).stderr;

  it('are taken as they are', () => {
    expect(verify('deploy/a-chat.service', 'deploy/a-chat.socket')).toBe('');
  });

  it('may have no key that systemd does not know', () => {
    const folder = mkdtempSync(join(tmpdir(), 'a-chat-'));
    const unit = join(folder, 'a-chat.service');
    writeFileSync(unit, read('a-chat.service').replace('ExecReload=', 'OnReload='));
    expect(verify(unit)).toContain("Unknown key 'OnReload'");
    rmSync(folder, { recursive: true });
  });

  it('expose as little as systemd-analyze asks for', () => {
    // In tenths of the figure that it prints.
    expect(analyze('security', '--offline=true', '--threshold=20', 'deploy/a-chat.service')).toContain('OK');
  });
});
