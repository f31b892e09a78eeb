import { Duplex } from 'node:stream';
import {
  EMPTY,
  NEVER,
  type Observable,
  Subject,
  concat,
  concatMap,
  config,
  from,
  map,
  merge,
  mergeMap,
  of,
  tap,
  throwError,
} from 'rxjs';
import { type Heard, type Refusal, type Said, bot } from '../lib/index.ts';
import { account, accountsFile, removeDirectories } from './support/accounts.ts';
import { Server, stopServers } from './support/server.ts';
import { until } from './support/until.ts';

afterEach(() => {
  stopServers();
  removeDirectories();
  config.onUnhandledError = null;
});

/** Sends each message back to where it came from. */
const echo = map(({ from: name, text }: Heard): Said => ({ to: name, text }));

/** Lines of so many messages to `name`, numbered from 1. */
function numbered(name: string, count: number, padding = ''): string {
  return Array.from({ length: count }, (_, index) => `${name}: ${index + 1}${padding}\n`).join('');
}

describe('a bot', () => {
  it('is here before anybody else, hears what is for it, and answers', async () => {
    const server = await Server.start({ connections$: bot('echo', echo) });
    expect(server.events.map(({ type }) => type)).toEqual(['joined', 'listening']);
    const came = await server.converse('alice\n/who\necho, alice: what: ever\necho:\n/ping\n');
    const lines = came.split('\n');
    expect(lines.slice(0, 3)).toEqual(['* welcome alice', '* who 2: echo, alice', 'from alice: what: ever']);

    const bob = await server.login('bob');
    bob.send('echo: what: ever\necho:\n');
    await bob.heard('from echo: \n');
    expect(bob.lines.slice(1)).toEqual(['from echo: what: ever', 'from echo: ']);
  });

  it('writes to several, and never more than one line a message', async () => {
    const said: Said = { to: ['alice', 'bob'], text: 'first\r\nalice: forged\n/quit' };
    const said$ = new Subject<Said>();
    const server = await Server.start({ connections$: bot('news', () => said$) });
    const [alice, bob] = await server.logins('alice', 'bob');
    said$.next(said);
    said$.next({ to: 'alice', text: 'last' });
    await alice.heard('last\n');
    const line = 'from news: first alice: forged /quit';
    expect(alice.lines.slice(1)).toEqual([line, 'from news: last']);
    await bob.heard(`${line}\n`);
  });

  it.each([
    '/quit now',
    'alice\n/quit',
    'alice, bob',
    'alice: forged',
    '',
    ' ',
    '#tea',
    '@1 alice',
    'a\u0007',
    'a'.repeat(65),
  ])('writes to names only: %j is an error', async (to) => {
    const failures: unknown[] = [];
    config.onUnhandledError = (failure) => failures.push(failure);
    const said$ = new Subject<Said>();
    const server = await Server.start({ connections$: bot('news', () => said$) });
    const alice = await server.login('alice');
    said$.next({ to, text: 'hello' });
    said$.next({ to: ['alice', to], text: 'hello' });
    const refusals: Refusal[] = [];
    said$.next({ to, text: 'hello', onTaken: (list) => refusals.push(...list) });
    said$.next({ to: 'alice', text: '/quit' });
    await alice.heard('from news: /quit\n');
    expect(alice.lines.slice(1)).toEqual(['from news: /quit']);
    expect(refusals).toMatchObject([{ code: 'name-invalid' }]);
    await until(() => failures.length === 2, 'the failures');
    expect(failures.every((failure) => failure instanceof RangeError)).toBe(true);
    expect(server.all('left')).toEqual([]);
  });

  it('hears what became of what it said', async () => {
    const said$ = new Subject<Said>();
    const server = await Server.start({ connections$: bot('news', () => said$), maxLine: 200 });
    await server.login('alice');
    const say = (to: string | string[], text = 'hello') =>
      new Promise<string[]>((resolve) => {
        const onTaken = (refusals: readonly Refusal[]) => {
          resolve(refusals.map(({ code, subject }) => `${code} ${subject}`));
        };
        said$.next({ to, text, onTaken });
      });
    said$.next({ to: 'nobody', text: 'of this nobody hears' });
    const answers = Promise.all([
      say('alice'),
      say(['bob', 'alice', 'carol']),
      say('alice', 'x'.repeat(300)),
      say('alice', ''),
      say('alice', '* pong'),
    ]);
    expect(await answers).toEqual([
      [],
      ['not-connected bob', 'not-connected carol'],
      ['line-too-long 200'],
      [],
      [],
    ]);
    const last = say('alice');
    server.unsubscribe();
    expect(await last).toEqual(['ended ']);
  });

  it('needs no password where others do, and gives its name to an account of that name', async () => {
    const accounts = accountsFile(account('alice', 's3cret'), account('news', 'hunter2'));
    const connections$ = merge(bot('echo', echo), bot('news', echo));
    const server = await Server.start({ accounts, connections$ });
    expect(server.all('joined').map(({ name }) => name)).toEqual(['echo', 'news']);
    const alice = server.connect();
    alice.send('alice:s3cret\necho: hello\n');
    await alice.heard('from echo: hello\n');

    const owner = server.connect();
    owner.send('news:hunter2\n');
    await owner.heard('* welcome news\n');
    await server.told('left', ({ name, reason }) => name === 'news' && reason === 'replaced');
    expect(await server.converse('echo\n')).toContain('! auth-failed echo');
  });

  it('cannot be called what nobody can be called', () => {
    expect(() => bot('a:b', echo)).toThrow(RangeError);
    expect(() => bot('a\nb', echo)).toThrow(/"a\\nb" is no name for a bot/);
    expect(() => bot('', echo)).toThrow(RangeError);
  });

  it('shares names, room and their refusals with everybody', async () => {
    const twins$ = merge(bot('echo', echo), bot('echo', echo));
    const server = await Server.start({ connections$: twins$, maxConnections: 2 });
    await server.told('refused', ({ code, name }) => code === 'name-taken' && name === 'echo');
    // What it says further would be tried as names.
    await server.told('left', ({ name }) => name === undefined);
    const alice = await server.login('alice');
    alice.send('echo: still the first\n');
    await alice.heard('from echo: still the first\n');
    expect(await server.connect().whole()).toContain('! server-full');
  });

  it('leaves when it has nothing more to say, and all it said arrives', async () => {
    const farewell$ = from<Said[]>([
      { to: 'log', text: 'one' },
      { to: 'log', text: 'two' },
    ]);
    const heard: string[] = [];
    const log = bot('log', (messages$) =>
      messages$.pipe(
        tap(({ text }) => heard.push(text)),
        mergeMap(() => EMPTY),
      ),
    );
    const server = await Server.start({
      connections$: merge(
        log,
        bot('brief', () => farewell$),
      ),
    });
    const left = await server.told('left', ({ name }) => name === 'brief');
    expect(left).toMatchObject({ reason: 'eof', accepted: 2, delivered: 0, abandoned: 0 });
    await until(() => heard.length === 2, 'both messages');
    expect(heard).toEqual(['one', 'two']);
  });

  it('that fails ends its own session, and is an error that nobody handled', async () => {
    const failures: unknown[] = [];
    config.onUnhandledError = (failure) => failures.push(failure);
    const broken = bot(
      'broken',
      concatMap(() => throwError(() => new Error('a bug'))),
    );
    const server = await Server.start({ connections$: broken });
    const alice = await server.login('alice');
    alice.send('broken: hello\n');
    await server.told('left', ({ name, reason }) => name === 'broken' && reason === 'reset');
    await until(() => failures.length > 0, 'the failure');
    expect(failures).toEqual([new Error('a bug')]);
    alice.send('alice: still here\n');
    await alice.heard('from alice: still here\n');
  });

  it('has its own work unsubscribed when the server stops at once', async () => {
    let unsubscribed = false;
    const connections$ = bot('idler', () => NEVER.pipe(finalizer(() => (unsubscribed = true))));
    const server = await Server.start({ connections$ });
    server.unsubscribe();
    await until(() => unsubscribed, 'the end of the bot');
  });
});

describe('a drain', () => {
  it('delivers to a bot all that was accepted for it, tells it the end, and does not wait for its own work', async () => {
    const heard: number[] = [];
    let completed = false;
    const sink = bot('sink', (messages$) =>
      merge(
        NEVER,
        messages$.pipe(
          tap({ next: ({ text }) => heard.push(Number(text)), complete: () => (completed = true) }),
          mergeMap(() => EMPTY),
        ),
      ),
    );
    const shutdown$ = new Subject<void>();
    const server = await Server.start({ connections$: sink, shutdown$, drainTimeout: 60_000 });
    const alice = await server.login('alice');
    alice.socket.on('end', () => {
      alice.end();
    });
    alice.send(numbered('sink', 200_000));
    await until(() => heard.length > 0, 'the first message');
    shutdown$.next();
    const { report } = await server.told('drained');
    expect(completed).toBe(true);
    expect(report).toMatchObject({ sessions: 2, abandoned: 0 });
    expect(report.milliseconds).toBeLessThan(60_000);
    const accepted = Number(/accepted (\d+)/.exec(await alice.whole())?.[1]);
    expect(heard).toEqual(Array.from({ length: accepted }, (_, index) => index + 1));
    expect(server.all('left').find(({ name }) => name === 'sink')).toMatchObject({ delivered: accepted });
  });

  it('counts what a connection never took', async () => {
    const shutdown$ = new Subject<void>();
    const deaf = new Duplex({ read() {}, write() {} });
    deaf.push('deaf\n');
    const connections$ = concat(of(deaf), NEVER);
    const server = await Server.start({ connections$, shutdown$, drainTimeout: 200 });
    const alice = await server.login('alice');
    alice.send(numbered('deaf', 10));
    await alice.settled();
    shutdown$.next();
    const { report } = await server.told('drained');
    expect(report).toMatchObject({
      abandoned: 10,
      losses: [{ name: 'deaf', reason: 'deadline', abandoned: 10 }],
    });
    expect(deaf.destroyed).toBe(true);
  });

  it('accepts what a bot had said by then, and asks for no further connection', async () => {
    const shutdown$ = new Subject<void>();
    const connections$ = new Subject<Duplex>();
    const said$ = new Subject<Said>();
    const server = await Server.start({ connections$, shutdown$ });
    const subscription = bot('news', () => said$).subscribe(connections$);
    const alice = await server.login('alice');
    for (let count = 1; count <= 1000; count += 1) said$.next({ to: 'alice', text: String(count) });
    shutdown$.next();
    await server.told('draining');
    const lines = (await alice.whole()).split('\n');
    expect(lines.slice(1, 1001)).toEqual(
      Array.from({ length: 1000 }, (_, index) => `from news: ${index + 1}`),
    );
    await server.told('drained');
    expect(said$.observed).toBe(false);
    expect(connections$.observed).toBe(false);
    subscription.unsubscribe();
  });
});

describe('backpressure', () => {
  it('holds who writes to a bot whose answers nobody reads, and loses none of them', async () => {
    const lines: Duplex[] = [];
    const connections$ = bot('echo', echo).pipe(tap((line) => lines.push(line)));
    const server = await Server.start({ connections$, maxPending: 2 ** 20, writeTimeout: 60_000 });
    const alice = await server.login('alice');
    alice.socket.pause();
    const count = 40_000;
    alice.send(numbered('echo', count, 'x'.repeat(1000)));
    await until(() => (lines[0]?.readableLength ?? 0) > 0, 'the bot to wait');
    await steady(() => alice.socket.bytesWritten - alice.socket.writableLength);
    // Far less than the 40 MB that she sends: the chunk that it heard last, answered.
    expect(lines[0]?.readableLength).toBeLessThan(2 ** 20);
    alice.socket.resume();
    // To look for the last line in all that came, again and again, would take longer than its way.
    const expected = numbered('from echo', count, 'x'.repeat(1000)).length;
    await until(() => alice.socket.bytesRead >= expected, 'all the answers');
    expect(alice.lines.slice(1).map((line) => parseInt(line.slice('from echo: '.length), 10))).toEqual(
      Array.from({ length: count }, (_, index) => index + 1),
    );
  });

  it('cuts off a connection that takes nothing', async () => {
    const deaf = new Duplex({ read() {}, write() {} });
    deaf.push('deaf\n');
    const server = await Server.start({ connections$: from([deaf]), writeTimeout: 1000 });
    const alice = await server.login('alice');
    alice.send('deaf: one\n');
    const left = await server.told('left');
    expect(left).toMatchObject({ name: 'deaf', reason: 'slow-consumer', delivered: 0, abandoned: 1 });
  });
});

describe('connections from elsewhere', () => {
  it('need a password where there are accounts, unless the program says that it trusts them', async () => {
    const accounts = accountsFile(account('alice', 's3cret'));
    const as = (name: string, trusted: boolean) => {
      const connection = Object.assign(new Duplex({ read() {}, write() {} }), { trusted });
      connection.push(`${name}\n`);
      return connection;
    };
    const server = await Server.start({ accounts, connections$: of(as('bob', true), as('carol', false)) });
    await server.told('refused', ({ code }) => code === 'auth-failed');
    expect(server.all('joined').map(({ name }) => name)).toEqual(['bob']);
  });

  it('are of the address that they say, if any', async () => {
    const here = Object.assign(new Duplex({ read() {}, write() {} }), {
      remoteAddress: '192.0.2.1',
      remotePort: 7,
    });
    here.push('alice\n');
    const server = await Server.start({ connections$: of(here) });
    expect(await server.told('joined')).toEqual({ type: 'joined', name: 'alice', remote: '192.0.2.1:7' });
  });

  it('that fail as a whole fail the server', async () => {
    const server = new Server({ connections$: throwError(() => new Error('no more')) });
    await until(() => server.failure !== undefined, 'the failure');
    expect(server.failure).toEqual(new Error('no more'));
  });
});

function finalizer<T>(action: () => void): (source: Observable<T>) => Observable<T> {
  return tap({ unsubscribe: action });
}

/** Resolves when a figure has not changed for so many looks, in between which everything has its turn. */
async function steady(figure: () => number): Promise<void> {
  let last = figure();
  let looks = 0;
  await until(() => {
    const now = figure();
    looks = now === last ? looks + 1 : 0;
    last = now;
    return looks > 50;
  }, 'a figure to be steady');
}
