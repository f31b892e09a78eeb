import { Duplex, PassThrough } from 'node:stream';
import { NEVER, Subject, concat, from, of } from 'rxjs';
import type { Peer } from '../support/peer.ts';
import { Server, stopServers } from '../support/server.ts';

afterEach(stopServers);

/** ms: a drain that hangs takes the whole test. */
const SOON = 5000;
const SHORT = { drainTimeout: 400, lingerTimeout: 100 };

type Stream = ConstructorParameters<typeof Duplex>[0];

/** A stream that says `first` and is otherwise as it is told to be. */
function stream(first: string, options: Stream = {}): Duplex {
  const made = new Duplex({ read() {}, write() {}, ...options });
  made.push(first);
  return made;
}

const taking = (_chunk: unknown, _encoding: string, done: () => void) => {
  done();
};

/** A server with these connections, and alice, whom they can write to. */
async function serve(
  ...streams: Duplex[]
): Promise<{ server: Server; alice: Peer; drain: () => Promise<void> }> {
  const shutdown$ = new Subject<void>();
  const connections$ = new Subject<Duplex>();
  const server = await Server.start({ connections$, shutdown$, ...SHORT });
  const alice = await server.login('alice');
  alice.socket.on('end', () => {
    alice.end();
  });
  for (const one of streams) connections$.next(one);
  const drain = async () => {
    const began = performance.now();
    shutdown$.next();
    await server.told('drained');
    await server.drained();
    expect(performance.now() - began).toBeLessThan(SOON);
  };
  return { server, alice, drain };
}

/** Always has a line to read, at once. */
function endless(line: string): Stream {
  return {
    read(this: Duplex) {
      this.push(line);
    },
    write: taking,
  };
}

describe('a stream of somebody else', () => {
  it.each([
    ['messages', 'alice: and on\n'],
    ['messages to nobody', 'nobody: and on\n'],
    ['nothing', '\n'],
    ['a line that does not end', 'and on'],
  ])('that always has more to read lets others talk, and a drain end: %s', async (_what, line) => {
    const { server, alice, drain } = await serve(stream('endless\n', endless(line)));
    await server.told('joined', ({ name }) => name === 'endless');
    await alice.settled();
    await drain();
    expect(server.all('drained')[0]?.report.abandoned).toBe(0);
  });

  it('that always has more to read is read no longer when its session is over', async () => {
    let reads = 0;
    const one = stream('endless\n', {
      read() {
        reads += 1;
        this.push('/quit\n');
      },
      write: taking,
    });
    const { server } = await serve(one);
    await server.told('left', ({ name }) => name === 'endless');
    const before = reads;
    await new Promise(setImmediate);
    expect(reads - before).toBeLessThanOrEqual(1);
    expect(one.destroyed).toBe(true);
  });

  const fault = new Error('a fault');
  const throws = () => {
    throw fault;
  };
  const rude: Record<string, () => Duplex> = {
    'never takes anything': () => stream('rude\nalice: hello\n'),
    'never ends': () => stream('rude\nalice: hello\n', { write: taking, final() {} }),
    'is never closed': () => stream('rude\nalice: hello\n', { write: taking, destroy() {} }),
    'never ends and is never closed': () =>
      stream('rude\nalice: hello\n', { write: taking, final() {}, destroy() {} }),
    'throws when it is written to': () => stream('rude\nalice: hello\n', { write: throws }),
    'throws when it is ended': () => stream('rude\nalice: hello\n', { write: taking, final: throws }),
    'throws when it is destroyed': () => stream('rude\nalice: hello\n', { write: taking, destroy: throws }),
    'throws when it is read': () => {
      let reads = 0;
      return stream('rude\nalice: hello\n', {
        read() {
          reads += 1;
          if (reads > 1) throw fault;
        },
        write: taking,
      });
    },
    'has methods that throw': () =>
      Object.assign(stream('rude\nalice: hello\n'), {
        write: throws,
        pause: throws,
        resume: throws,
        end: throws,
      }),
    'breaks with what is no error': () => {
      const one = stream('rude\nalice: hello\n', { write: () => one.emit('error', 'broken') });
      return one;
    },
    'breaks again after its end': () => {
      const one = stream('rude\nalice: hello\n', { write: taking });
      one.on('close', () => setImmediate(() => one.emit('error', fault)));
      return one;
    },
    'calls back twice': () =>
      stream('rude\nalice: hello\n', {
        write(_chunk, _encoding, done) {
          done();
          done();
        },
      }).on('error', () => {}),
    'gives text': () => stream('rude\nalice: hello\n', { write: taking }).setEncoding('utf8'),
    'gives objects that are bytes': () => stream('rude\nalice: hello\n', { objectMode: true, write: taking }),
    'gives objects that are none': () => {
      const one = stream('rude\nalice: hello\n', { objectMode: true, write: taking });
      one.push({ text: 'hello' });
      return one;
    },
    'takes objects': () => stream('rude\nalice: hello\n', { writableObjectMode: true, write: taking }),
  };

  it.each(Object.entries(rude))('that %s troubles nobody else, and no drain', async (_what, make) => {
    const { server, alice, drain } = await serve(make());
    await server.told('joined', ({ name }) => name === 'rude');
    await alice.heard('from rude: hello\n');
    alice.send('rude: hello yourself\nalice: still here\n');
    await alice.heard('from alice: still here\n');
    await drain();
    expect(await alice.whole()).toContain('* closing shutdown: ');
  });

  it('that gives what is neither bytes nor text is told so', async () => {
    const one = new PassThrough({ objectMode: true });
    const failures: unknown[] = [];
    one.on('error', (failure) => failures.push(failure));
    one.write({ text: 'hello' });
    const { server } = await serve(one);
    await server.told('left', ({ reason }) => reason === 'reset');
    expect(failures).toEqual([new TypeError('a connection gives bytes or text, not object')]);
  });

  it('that was over before it came is a connection that broke', async () => {
    const gone = stream('gone\n');
    gone.destroy();
    const { server, drain } = await serve(gone);
    await server.told('left', ({ reason }) => reason === 'reset');
    await drain();
  });

  it('that ends with what it said last is heard to its end', async () => {
    const said = from(['brief\n', 'alice: one\n', 'alice: two\n'].map((line) => Buffer.from(line)));
    const one = new Duplex({ read() {}, write: taking });
    said.subscribe({ next: (line) => one.push(line), complete: () => one.push(null) });
    const server = await Server.start({ connections$: concat(of(one), NEVER) });
    const left = await server.told('left');
    expect(left).toMatchObject({ name: 'brief', reason: 'eof', accepted: 2 });
  });
});
