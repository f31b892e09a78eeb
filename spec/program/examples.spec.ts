import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { connect } from 'node:net';
import { promisify } from 'node:util';
import { Peer } from '../support/peer.ts';
import { until } from '../support/until.ts';

let child: ChildProcess | undefined;

/** Starts an example on free ports. */
function start(file: string): { out: () => string; exit: () => Promise<number | null> } {
  const started = spawn(process.execPath, [`examples/${file}`], {
    env: { ...process.env, PORT: '0', HTTP_PORT: '0' },
  });
  child = started;
  let text = '';
  for (const stream of [started.stdout, started.stderr])
    stream.on('data', (data: Buffer) => (text += data.toString()));
  const closed = new Promise<number | null>((resolve) => started.on('close', resolve));
  return { out: () => text, exit: () => closed };
}

/** What an example prints that matches, waited for. */
async function printed(example: { out: () => string }, pattern: RegExp): Promise<number[]> {
  await until(
    () => pattern.test(example.out()),
    () => `${pattern.source}; came ${example.out()}`,
  );
  return (pattern.exec(example.out()) ?? []).slice(1).map(Number);
}

/** Resolves when nobody listens on the port any more. */
async function refused(port: number): Promise<void> {
  let gone = false;
  const attempt = () => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      attempt();
    }).on('error', () => (gone = true));
  };
  attempt();
  await until(() => gone, 'the port to be closed');
}

afterEach(() => {
  child?.kill('SIGKILL');
});

test('a bot counts the messages of each', async () => {
  const example = start('bot.js');
  const [port = 0] = await printed(example, /"type":"listening".*"port":(\d+)/);
  const alice = await Peer.login(port, 'alice');
  const bob = await Peer.login(port, 'bob');
  alice.send('count: hello\ncount: hello?\n');
  await alice.heard('from count: that was number 2\n');
  bob.send('count: hello\n');
  await bob.heard('from count: that was number 1\n');
  child?.kill('SIGTERM');
  expect(await alice.whole()).toContain('* closing shutdown: accepted 2, delivered 2\n');
  alice.end();
  bob.end();
  expect(await example.exit()).toBe(0);
  expect(example.out()).toContain('"abandoned":0,"losses":[]');
});

test('the chat and an HTTP server end together, and what was posted is delivered', async () => {
  const example = start('beside-http.js');
  const [port = 0, httpPort = 0] = await printed(example, /chat on port (\d+), HTTP on port (\d+)/);
  const alice = await Peer.login(port, 'alice');
  const url = `http://127.0.0.1:${httpPort}/alice`;
  expect((await fetch(url, { method: 'POST', body: 'two\nlines' })).status).toBe(202);
  await alice.heard('from web: two lines\n');
  const status = async (path: string, method = 'POST') =>
    (
      await fetch(`http://127.0.0.1:${httpPort}/${path}`, {
        method,
        ...(method === 'POST' && { body: 'hello' }),
      })
    ).status;
  for (const path of ['%2Fquit%20now', '', 'alice,bob', 'alice:', 'alice%0A%2Fquit', '%FF', '%']) {
    expect([path, await status(path)]).toEqual([path, 400]);
  }
  expect(await status('bob')).toBe(404);
  expect(await status('alice', 'GET')).toBe(405);

  let finish = () => {};
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(Buffer.from('before and '));
      finish = () => {
        controller.enqueue(Buffer.from('after'));
        controller.close();
      };
    },
  });
  const late = fetch(url, { method: 'POST', body, duplex: 'half' });
  // It is under way when another, sent later, has been answered.
  await fetch(url, { method: 'POST', body: 'meanwhile' });
  child?.kill('SIGTERM');
  await refused(httpPort);
  finish();
  expect((await late).status).toBe(202);
  expect(await alice.whole()).toContain(
    'from web: before and after\n* closing shutdown: accepted 0, delivered 3\n',
  );
  alice.end();
  expect(await example.exit()).toBe(0);
  expect(example.out()).toContain('closed, 0 messages abandoned');
});

test("a test of somebody's own passes", async () => {
  // As a shell puts it for `examples/*.test.js`: what a folder means differs between versions of Node.
  const files = readdirSync('examples').filter((name) => name.endsWith('.test.js'));
  const { stdout } = await promisify(execFile)(process.execPath, [
    '--test',
    '--test-reporter=tap',
    ...files.map((name) => `examples/${name}`),
  ]);
  expect(stdout).toMatch(/^# pass 1$/m);
  expect(stdout).toMatch(/^# fail 0$/m);
});
