import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { parse, parseAllDocuments } from 'yaml';
import { readCommandLine } from '../lib/cli.ts';
import { readSettings } from '../lib/options.ts';

const read = (file: string) => readFileSync(`deploy/${file}`, 'utf8');

/** The settings that a deployment starts the server with; fails where the program would. */
function settingsOf(args: readonly string[], environment: Readonly<Record<string, string>> = {}) {
  let complaint = '';
  const order = readCommandLine(args, '', { out: () => {}, err: (text) => (complaint += text) });
  if (order.command !== 'serve') throw new Error(complaint);
  return readSettings(order.options, environment);
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
    const [deployment] = parseAllDocuments(read('kubernetes.yaml')).map((document) => {
      expect(document.errors).toEqual([]);
      return document.toJS() as unknown;
    });
    const { spec } = (
      deployment as {
        spec: {
          template: {
            spec: { terminationGracePeriodSeconds: number; containers: [{ args: string[] }] };
          };
        };
      }
    ).spec.template;
    const { drainTimeout } = settingsOf(spec.containers[0].args);
    expect(spec.terminationGracePeriodSeconds * 1000).toBeGreaterThanOrEqual(drainTimeout + SPARE);
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

const analyze = (...args: string[]) =>
  execFileSync('systemd-analyze', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

const hasSystemd = (() => {
  try {
    return analyze('--version') !== '';
  } catch {
    return false;
  }
})();

// Skipped where there is no systemd-analyze, as on other systems than Linux with systemd: the unit is of no use there.
(hasSystemd ? test : test.skip)('the unit exposes as little as systemd-analyze asks for', () => {
  // In tenths of the figure that it prints.
  expect(analyze('security', '--offline=true', '--threshold=20', 'deploy/a-chat.service')).toContain('OK');
});
