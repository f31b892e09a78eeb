import { type Server, type Socket, createServer } from 'node:net';
import { PassThrough } from 'node:stream';
import { ConnectionError, LoginError, chat } from '../../lib/client/connect.ts';
import { loginAs, loginTyped } from '../../lib/cli/password-login.ts';
import type { Target } from '../../lib/client/target.ts';
import { Peer } from '../support/peer.ts';
import { Program } from '../support/program.ts';
import { until } from '../support/until.ts';

const peers: Peer[] = [];
const listeners: Server[] = [];
const accepted: Socket[] = [];

async function serve(linger = '0.3') {
  return Program.serve('--linger-timeout', linger);
}

/** `a-chat connect` as a process. */
function connectTo(port: number, ...args: string[]): Program {
  return new Program(['connect', '--port', String(port), ...args]);
}

async function said(program: Program, text: string): Promise<void> {
  await until(
    () => program.stdout.includes(text),
    () => `${JSON.stringify(text)}; came ${JSON.stringify(program.stdout.slice(-2000) + program.stderr)}`,
  );
}

async function login(port: number, name: string): Promise<Peer> {
  const peer = new Peer(port);
  peers.push(peer);
  peer.send(`${name}\n`);
  await peer.heard(`* welcome ${name}\n`);
  return peer;
}

/** A listener of the test's own; resolves with its port. */
async function listening(onConnection: (socket: Socket) => void): Promise<number> {
  const listener = createServer({ allowHalfOpen: true }, (socket) => {
    accepted.push(socket);
    onConnection(socket);
  });
  listeners.push(listener);
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const address = listener.address();
  if (address === null || typeof address === 'string') throw new Error('not a TCP listener');
  return address.port;
}

/** The target of a plain connection. */
function at(port: number): Target {
  return { endpoint: { transport: 'tcp', host: '127.0.0.1', port }, credentials: {} };
}

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const port = await listening(() => {});
  const listener = listeners.pop();
  await new Promise((resolve) => listener?.close(resolve));
  return port;
}

/** Everything written to a stream, as it grows. */
function collected(stream: PassThrough): () => string {
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  return () => Buffer.concat(chunks).toString();
}

afterEach(async () => {
  for (const peer of peers.splice(0)) peer.socket.destroy();
  for (const socket of accepted.splice(0)) socket.destroy();
  for (const listener of listeners.splice(0)) listener.close();
  await Program.stopAll();
});

describe('a-chat connect', () => {
  test('logs in with --name, sends what is typed and prints what comes', async () => {
    const { port } = await serve();
    const bob = await login(port, 'bob');
    const alice = connectTo(port, '--name', 'alice');
    await said(alice, '* welcome alice\n');
    alice.send('bob: hello\n');
    await bob.heard('from alice: hello\n');
    bob.send('alice: hi!\n');
    await said(alice, 'from bob: hi!\n');

    alice.end();
    expect(await alice.exit()).toBe(0);
    expect(alice.stdout).toBe('* welcome alice\nfrom bob: hi!\n* closing eof: accepted 1, delivered 1\n');
    expect(alice.stderr).toBe('');
  });

  test('leaves the login to what is typed without --name', async () => {
    const { port } = await serve();
    const carol = connectTo(port);
    carol.send('carol\n/who\n');
    await said(carol, '* who 1: carol\n');
    carol.end();
    expect(await carol.exit()).toBe(0);
    expect(carol.stdout).toBe('* welcome carol\n* who 1: carol\n* closing eof: accepted 0, delivered 0\n');
  });

  test.each([
    ['taken', 'bob', 'bob: my secret\ncarol\n', /^! name-taken bob: [^\n]+\n$/],
    ['none', 'a:b', 'bob: my secret\ncarol\n', /^! name-invalid a:b: [^\n]+\n$/],
    ['typed and taken', undefined, '\n bob\nbob: my secret\ncarol\n', /^! name-taken bob: [^\n]+\n$/],
    ['typed and none', undefined, 'a:b\nbob: my secret\ncarol\n', /^! name-invalid a:b: [^\n]+\n$/],
  ])('sends nothing more where its name is %s, and exits with 3', async (_what, name, input, answer) => {
    const server = await serve();
    const bob = await login(server.port, 'bob');
    const program = connectTo(server.port, ...(name === undefined ? [] : ['--name', name]));
    program.send(input);
    expect(await program.exit()).toBe(3);
    expect(program.stdout).toMatch(answer);
    expect(program.stderr).toBe(`a-chat: ${program.stdout}`);
    await bob.settled();
    expect(bob.text).not.toContain('secret');
    const names = server.log.filter(({ event }) => event === 'joined' || event === 'refused');
    expect(names).toHaveLength(2);
  });

  test('sends nothing where there is no room, and exits with 1', async () => {
    const { port } = await Program.serve('--max-connections', '1');
    await login(port, 'bob');
    const program = connectTo(port, '--name', 'alice');
    program.send('bob: hello\n');
    expect(await program.exit()).toBe(1);
    expect(program.stderr).toMatch(/^a-chat: ! server-full: [^\n]+\n$/);
  });

  test('talks to a server that says nothing of itself', async () => {
    const { port } = await Program.serve('--plain');
    const alice = connectTo(port, '--name', 'alice');
    alice.send('alice: hello\n');
    alice.end();
    expect(await alice.exit()).toBe(0);
    expect(alice.stdout).toBe('from alice: hello\n');
  });

  test('half-closes at the end of its input and still prints all that is on its way', async () => {
    const { port } = await serve();
    const count = 20_000;
    const lines = Array.from({ length: count }, (_, index) => `${index + 1}`);
    const alice = connectTo(port, '--name', 'alice');
    alice.send(lines.map((line) => `alice: ${line}\n`).join(''));
    alice.end();
    expect(await alice.exit()).toBe(0);
    expect(alice.stdout).toBe(
      [
        '* welcome alice',
        ...lines.map((line) => `from alice: ${line}`),
        `* closing eof: accepted ${count}, delivered ${count}\n`,
      ].join('\n'),
    );
  });

  test('waits at the end of its input for a server that still has something to say', async () => {
    let server: Socket | undefined;
    let heard = '';
    const port = await listening((socket) => {
      server = socket;
      socket.on('data', (chunk: Buffer) => {
        socket.write('* welcome alice\n');
        heard += chunk.toString();
      });
    });
    const alice = connectTo(port, '--name', 'alice');
    alice.end();
    await until(() => server?.readableEnded === true, 'the half-close');
    expect(heard).toBe('alice\n');
    expect(alice.result).toBeUndefined();
    server?.end('the last word\n');
    expect(await alice.exit()).toBe(0);
    expect(alice.stdout).toBe('* welcome alice\nthe last word\n');
  });

  test('ends with the server, after its closing line, while its input is still open', async () => {
    const server = await serve('60');
    const alice = connectTo(server.port, '--name', 'alice');
    await said(alice, '* welcome alice\n');
    server.signal('SIGINT');
    expect(await alice.exit()).toBe(0);
    expect(alice.stdout).toBe('* welcome alice\n* closing shutdown: accepted 0, delivered 0\n');
    // The client hung up itself: the server did not have to.
    expect(await server.exit()).toBe(0);
    expect((await server.logged('drained')).seconds).toBeLessThan(8);
  });

  test('ends when nobody reads its output any more', async () => {
    const { port } = await serve();
    const alice = connectTo(port, '--name', 'alice');
    await said(alice, '* welcome alice\n');
    alice.child.stdout?.destroy();
    const bob = await login(port, 'bob');
    bob.send('alice: anybody there?\n'.repeat(3));
    expect(await alice.exit()).toBe(0);
    expect(alice.stderr).toBe('');
  });

  test('says in one line that the connection was refused, and exits with 1', async () => {
    const port = await freePort();
    const alice = connectTo(port, '--name', 'alice');
    expect(await alice.exit()).toBe(1);
    expect(alice.stderr).toMatch(new RegExp(`^a-chat: .*ECONNREFUSED.*${port}\\n$`));
    expect(alice.stdout).toBe('');
  });

  test('says in one line that there is no such host, and exits with 1', async () => {
    const alice = new Program(['connect', '--host', 'no-such-host.invalid']);
    expect(await alice.exit()).toBe(1);
    expect(alice.stderr).toMatch(/^a-chat: [^\n]*no-such-host\.invalid[^\n]*\n$/);
  });

  test('takes the address from the environment, as the server does', async () => {
    const { port } = await serve();
    const alice = new Program(['connect', '--name', 'alice'], { A_CHAT_PORT: String(port) });
    await said(alice, '* welcome alice\n');
    alice.end();
    expect(await alice.exit()).toBe(0);
  });

  test.each([
    [['--port', 'http'], /^a-chat: --port [^\n]*'http'\n$/],
    [['--host', ''], /^a-chat: --host [^\n]*\n$/],
    [['--drain-timeout', '1'], /^a-chat: [^\n]*--drain-timeout[^\n]*\n$/],
    [['nonsense'], /^a-chat: [^\n]*\n$/],
  ])('refuses %j in one line with exit code 2', async (args, complaint) => {
    const program = new Program(['connect', ...args]);
    expect(await program.exit()).toBe(2);
    expect(program.stderr).toMatch(complaint);
    expect(program.stdout).toBe('');
  });
});

describe('chat', () => {
  test('sends the name, then the input, and is done when the server has ended', async () => {
    let heard = '';
    const port = await listening((socket) => {
      socket.on('data', (chunk: Buffer) => {
        if (heard === '') socket.write('* welcome alice\n');
        heard += chunk.toString();
      });
      socket.on('end', () => socket.end('* closing eof: accepted 1, delivered 0\n'));
    });
    const input = new PassThrough();
    const output = new PassThrough();
    const printed = collected(output);
    const done = chat(at(port), loginAs('alice'), input, output);
    input.end('bob: hello\n');
    await done;
    expect(heard).toBe('alice\nbob: hello\n');
    expect(printed()).toBe('* welcome alice\n* closing eof: accepted 1, delivered 0\n');
    // The output is the caller's, who may have more to print.
    expect(output.writableEnded).toBe(false);
  });

  test('sends no name that was not given', async () => {
    let heard = '';
    const port = await listening((socket) => {
      socket.on('data', (chunk: Buffer) => {
        socket.write('* welcome carol\n');
        heard += chunk.toString();
      });
      socket.on('end', () => socket.end());
    });
    const input = new PassThrough();
    const done = chat(at(port), loginTyped(input), input, new PassThrough());
    input.end('carol\n');
    await done;
    expect(heard).toBe('carol\n');
  });

  test('lets go of its input when the server has ended', async () => {
    const port = await listening((socket) => {
      socket.resume();
      socket.end('bye\n');
    });
    const input = new PassThrough();
    const output = new PassThrough();
    const printed = collected(output);
    await expect(chat(at(port), loginTyped(input), input, output)).rejects.toThrow(LoginError);
    expect(printed()).toBe('bye\n');
    expect(input.destroyed).toBe(true);
  });

  test('hangs up when its output fails', async () => {
    let hungUp = false;
    const port = await listening((socket) => {
      socket.on('error', () => (hungUp = true));
      socket.on('end', () => {
        hungUp = true;
        socket.end();
      });
      socket.resume();
      socket.write('hello\n');
    });
    const output = new PassThrough();
    output.once('pipe', () => {
      output.destroy(new Error('broken pipe'));
    });
    await chat(at(port), loginAs('alice'), new PassThrough(), output);
    await until(() => hungUp, 'the client to hang up');
  });

  test('rejects in a line where nobody listens, and knows the error of Node', async () => {
    const port = await freePort();
    const refused = await chat(at(port), loginAs('alice'), new PassThrough(), new PassThrough()).catch(
      (failure: unknown) => failure,
    );
    expect(refused).toBeInstanceOf(ConnectionError);
    expect(refused).toMatchObject({
      message: `tcp://127.0.0.1:${port}: connect ECONNREFUSED 127.0.0.1:${port}`,
      cause: { code: 'ECONNREFUSED', port },
    });
  });
});
