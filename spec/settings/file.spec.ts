import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nameOf } from '../../lib/settings/option-names.ts';
import { keys } from '../../lib/settings/table.ts';
import { Peer } from '../support/peer.ts';
import { Program } from '../support/program.ts';

let folder = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'a-chat-'));
});

afterEach(async () => {
  await Program.stopAll();
  rmSync(folder, { recursive: true });
});

/** A file of these lines. */
function file(...lines: string[]): string {
  const path = join(folder, 'a-chat.yaml');
  writeFileSync(path, `${lines.join('\n')}\n`);
  return path;
}

async function run(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const program = new Program(args, env);
  const code = await program.exit();
  return { code, out: program.stdout, err: program.stderr };
}

/** What is in force, and where it came from, by setting. */
async function inForce(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const { code, out, err } = await run(['config', '--print', ...args], env);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  const rows = Array.from(out.matchAll(/^(?:# )?(\S+): (.*?) +# (.+)$/gm), ([, name = '', value, place]) => {
    return [name, [value, place]] as const;
  });
  expect(rows.map(([name]) => name)).toEqual(keys().map(nameOf));
  return Object.fromEntries(rows);
}

describe('a file of settings', () => {
  test('sets up the server, and what it does not say has its default', async () => {
    const path = file(
      '# The office chat',
      'listen: ["tcp://127.0.0.1:0", "tcp://[::1]:0"]',
      'plain: true',
      'drain-timeout: 1.5',
    );
    const program = new Program(['--config', path]);
    await program.logged('listening', ({ address }) => address === '::1');
    const { port } = await program.logged('listening', ({ address }) => address === '127.0.0.1');
    const peer = new Peer(Number(port));
    peer.send('alice\nalice: hello\n');
    await peer.heard('hello\n');
    program.signal('SIGTERM');
    expect(await peer.whole()).toBe('from alice: hello\n');
    peer.socket.destroy();
    expect(await program.exit()).toBe(0);
    expect(await program.logged('draining')).toMatchObject({ deadline: 1.5 });
  });

  test('may be JSON, may be empty, and may be named in the environment', async () => {
    const json = file(JSON.stringify({ port: 1234, 'log-level': 'warn' }, undefined, 2));
    expect(await inForce([], { A_CHAT_CONFIG: json })).toMatchObject({
      port: ['1234', `${json}:2:11`],
      'log-level': ['warn', `${json}:3:16`],
    });
    expect((await inForce(['--config', file('# nothing')])).port).toEqual(['8080', 'default']);
  });

  test('yields to the environment, and that to an option; each place is shown', async () => {
    const path = file('port: 1', 'max-line: 2', 'max-rate: 3', 'socket-mode: 660');
    const env = { A_CHAT_MAX_LINE: '20', A_CHAT_MAX_RATE: '30', A_CHAT_MAX_PENDING: '' };
    expect(await inForce(['--config', path, '--max-rate', '300', '--plain'], env)).toMatchObject({
      port: ['1', `${path}:1:7`],
      'socket-mode': ['660', `${path}:4:14`],
      'max-line': ['20', 'A_CHAT_MAX_LINE'],
      'max-rate': ['300', '--max-rate'],
      plain: ['true', '--plain'],
      'max-pending': ['16777216', 'default'],
    });
  });

  test('is what is printed: that can be read again', async () => {
    const given = ['--listen', 'unix:/run/a-chat.sock', '--admin', '[::1]:9090', '--drain-timeout', '0.5'];
    const { out } = await run(['config', '--print', ...given]);
    const again = await run(['config', '--print', '--config', file(out)]);
    const values = (text: string) => text.replaceAll(/ +#.*$/gm, '');
    expect(values(again.out)).toBe(values(out));
    expect(values(out)).toContain('\nlisten: ["unix:/run/a-chat.sock"]\n');
  });

  test('with mistakes is refused with all of them, each with its place, and so are the others', async () => {
    const path = file(
      'prot: 8080',
      'port: http',
      'max-line: [1, 2]',
      'drain-timeout:',
      'plain: yes',
      'listen:',
      '  - tcp://127.0.0.1:0',
      '  - http://127.0.0.1',
      'log-level: loud',
    );
    const env = { A_CHAT_MAX_RATE: 'much' };
    for (const command of [[], ['config'], ['config', '--print']]) {
      const { code, out, err } = await run([...command, '--max-pending', '16M', '--config', path], env);
      expect({ code, out }).toEqual({ code: 2, out: '' });
      const lines = err.trimEnd().split('\n');
      expect(lines.slice(0, 7)).toEqual([
        `a-chat: ${path}:1:1 there is no setting 'prot'`,
        `a-chat: ${path}:2:7 port must be a whole number from 0 to 65535, not 'http'`,
        `a-chat: ${path}:3:11 max-line must have a value, and one alone`,
        expect.stringMatching(/^a-chat: .*:\d:\d+ drain-timeout must have a value, and one alone$/),
        `a-chat: ${path}:5:8 plain must be true or false, not 'yes'`,
        expect.stringMatching(/^a-chat: .*:8:5 listen must be tcp:.*, not 'http:\/\/127\.0\.0\.1'$/),
        expect.stringMatching(/^a-chat: .*:9:12 log-level must be one of .*, not 'loud'$/),
      ]);
      expect(lines.slice(7).map((line) => line.split(' ')[1])).toEqual(['--max-pending', 'A_CHAT_MAX_RATE']);
    }
  });

  test.each([
    [['port: 1', 'port: 2'], /:2:1 port is there already/],
    [['port: [1', 'plain: true'], /a-chat\.yaml:\d:\d+ /],
    [['- port'], /:1:1 a file of settings has lines like/],
    [['port: 1', 'listen: tcp://127.0.0.1:0'], /:1:7 and .*:2:9 say the same thing twice/],
  ])('of %j is refused in lines with a place', async (lines, expected) => {
    const { code, out, err } = await run(['--config', file(...lines)]);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(expected);
    for (const line of err.trimEnd().split('\n')) expect(line).toMatch(/^a-chat: /);
  });

  test('with what does not go together is refused with all of that, beside other mistakes', async () => {
    const path = file(
      'listen: [tls://127.0.0.1:0]',
      'tls-key: key.pem',
      'guests: true',
      'guests: false',
      'max-line: many',
    );
    const { code, err } = await run(['config', '--config', path]);
    expect(code).toBe(2);
    expect(err.split('\n')).toEqual([
      `a-chat: ${path}:4:1 guests is there already`,
      expect.stringContaining(`${path}:5:11 max-line must be a whole number`),
      expect.stringContaining(
        `${path}:1:9 listen has a tls:// endpoint, which needs a certificate and its key`,
      ),
      `a-chat: ${path}:3:9 guests means nothing without accounts`,
      '',
    ]);
    const plain = await run(['config', '--config', file('tls-key: key.pem')]);
    expect(plain.code).toBe(2);
    expect(plain.err.split('\n')).toEqual([
      expect.stringContaining(`${path}:1:10 tls-key does nothing without a tls:// endpoint`),
      '',
    ]);
  });

  test('is not said to contradict what it says in vain', async () => {
    const { code, err } = await run(['config', '--config', file('guests: true', 'accounts: ""')]);
    expect(code).toBe(2);
    expect(err).toMatch(/^a-chat: [^\n]*:2:11 accounts must be the name of a file, not ''\n$/);
  });

  test('that is not there is one line', async () => {
    const { code, err } = await run(['--config', join(folder, 'none.yaml')]);
    expect(code).toBe(1);
    expect(err).toMatch(/^a-chat: ENOENT[^\n]*none\.yaml'\n$/);
  });

  test('says where to listen only as long as nothing stronger does', async () => {
    const path = file('listen: tcp://127.0.0.1:1');
    expect(await inForce(['--config', path, '--port', '2'])).toMatchObject({
      port: ['2', '--port'],
      listen: ['[]', 'default'],
    });
    expect(await inForce(['--config', file('port: 1')], { A_CHAT_LISTEN: 'tcp://[::1]:2' })).toMatchObject({
      port: ['8080', 'listen stands in its place'],
      listen: ['["tcp://[::1]:2"]', 'A_CHAT_LISTEN'],
    });
  });
});

describe('the command config', () => {
  test('says nothing about settings that can be', async () => {
    expect(await run(['config', '--port', '1'])).toEqual({ code: 0, out: '', err: '' });
    expect(await run(['--port', '1', 'config'])).toEqual({ code: 0, out: '', err: '' });
  });
});
