import { from } from 'rxjs';
import { lines, overlong } from '../../lib/readers/lines.ts';
import type { Peer } from '../support/peer.ts';
import { Server, stopServers } from '../support/server.ts';
import { until } from '../support/until.ts';

afterEach(stopServers);

const LIMIT = 40;
const TOO_LONG = expect.stringMatching(/^! line-too-long 40: \S/) as unknown;

/** A message of alice to herself, of `length` bytes without its line end, and what of it she gets. */
function message(length: number, letter = 'x'): { line: string; heard: string } {
  const text = letter.repeat(length - 'alice: '.length);
  return { line: `alice: ${text}`, heard: `from alice: ${text}` };
}

/**
 * Resolves when the server has read all that was sent before: the answer to somebody else's later question
 * shows it, because what came first on any connection is read no later than what came last.
 */
type Barrier = () => Promise<void>;

async function barrier(server: Server): Promise<Barrier> {
  const clock = await server.login('clock');
  return () => clock.settled();
}

/** Sends each part so that the server reads it alone. */
async function dribble(peer: Peer, parts: readonly (string | Buffer)[], read: Barrier): Promise<void> {
  for (const part of parts) {
    await new Promise((resolve) => peer.socket.write(part, resolve));
    await read();
  }
}

describe('a session cut anywhere', () => {
  const input = (name: string) =>
    Buffer.from(
      `\ufeff${name}\r\n${name}: gr\u00fc\u00dfe \u{1f642} \u00e0\r\n/ping \u0416\n${name}: bob: end`,
    );
  const output = (name: string) =>
    `* welcome ${name}\nfrom ${name}: gr\u00fc\u00dfe \u{1f642} \u00e0\n* pong \u0416\nfrom ${name}: bob: end\n` +
    '* closing eof: accepted 2, delivered 2\n';

  it('in two is the same session, wherever the cut is', async () => {
    const server = await Server.start();
    const read = await barrier(server);
    const size = input('zo\u00eb00').length;
    const sessions = Array.from({ length: size - 1 }, (_, index) => {
      const name = `zo\u00eb${10 + index}`;
      return { name, cut: index + 1, peer: server.connect() };
    });
    await Promise.all(sessions.map(({ peer }) => until(() => peer.address !== '', 'a connection')));
    for (const { name, cut, peer } of sessions) peer.send(input(name).subarray(0, cut));
    await read();
    for (const { name, cut, peer } of sessions) {
      peer.send(input(name).subarray(cut));
      peer.end();
    }
    for (const { name, peer } of sessions) expect(await peer.whole()).toBe(output(name));
  });

  it('into single bytes is the same session', async () => {
    const server = await Server.start();
    const read = await barrier(server);
    const peer = server.connect();
    const bytes = input('zo\u00eb');
    await dribble(
      peer,
      Array.from(bytes, (byte) => Buffer.of(byte)),
      read,
    );
    peer.end();
    expect(await peer.whole()).toBe(output('zo\u00eb'));
  });

  it('between CR and LF ends one line, not two', async () => {
    const server = await Server.start();
    const read = await barrier(server);
    const peer = server.connect();
    await dribble(peer, ['alice\r', '\nalice: a\r', '\n\r', '\n/ping\r', '\n'], read);
    peer.end();
    expect(await peer.whole()).toBe(
      '* welcome alice\nfrom alice: a\n* pong\n* closing eof: accepted 1, delivered 1\n',
    );
  });
});

describe('a last line without its newline', () => {
  it.each([
    ['a login', 'alice', '* welcome alice\n* closing eof: accepted 0, delivered 0\n'],
    [
      'a message',
      'alice\nalice: last',
      '* welcome alice\nfrom alice: last\n* closing eof: accepted 1, delivered 1\n',
    ],
    [
      'a message that ends in a bare CR',
      'alice\nalice: last\r',
      '* welcome alice\nfrom alice: last\n* closing eof: accepted 1, delivered 1\n',
    ],
    ['a command', 'alice\n/ping', '* welcome alice\n* pong\n* closing eof: accepted 0, delivered 0\n'],
    ['/quit', 'alice\n/quit', '* welcome alice\n* closing quit: accepted 0, delivered 0\n'],
    ['white space', 'alice\n \t', '* welcome alice\n* closing eof: accepted 0, delivered 0\n'],
    ['nothing at all', '', '* closing eof: accepted 0, delivered 0\n'],
    ['a byte order mark', '\ufeff', '* closing eof: accepted 0, delivered 0\n'],
  ])('counts at the half-close: %s', async (_what, input, output) => {
    const server = await Server.start();
    expect(await server.converse(input)).toBe(output);
  });

  it('is not taken where a reset cuts it off', async () => {
    const server = await Server.start();
    const [bob, alice] = await server.logins('bob', 'alice');
    alice.send('bob: whole\nbob: cut o');
    await bob.heard('from alice: whole\n');
    await bob.settled();
    alice.reset();
    expect(await server.told('left')).toMatchObject({ name: 'alice', reason: 'reset', accepted: 1 });
    await bob.settled();
    expect(bob.text).not.toContain('cut');
  });
});

describe('a line over the limit', () => {
  it.each([
    ['LF', '\n'],
    ['CRLF', '\r\n'],
  ])('is one byte longer than the longest that is taken: %s', async (_which, newline) => {
    const server = await Server.start({ maxLine: LIMIT });
    const [longest, over] = [message(LIMIT), message(LIMIT + 1)];
    const text = await server.converse(['alice', longest.line, over.line, longest.line, ''].join(newline));
    expect(text.split('\n')).toEqual([
      '* welcome alice',
      longest.heard,
      TOO_LONG,
      longest.heard,
      '* closing eof: accepted 2, delivered 2',
      '',
    ]);
  });

  it.each([
    ['LF', '\n'],
    ['CRLF', '\r\n'],
  ])('is one byte longer than that when it is dribbled too: %s', async (_which, newline) => {
    const server = await Server.start({ maxLine: LIMIT });
    const read = await barrier(server);
    const alice = await server.login('alice');
    const longest = message(LIMIT);
    for (const { line } of [longest, message(LIMIT + 1), message(LIMIT + 2), longest]) {
      await dribble(
        alice,
        [line.slice(0, -2), line.slice(-2, -1), line.slice(-1), ...newline.split(/(?!^)/)],
        read,
      );
    }
    alice.end();
    expect((await alice.whole()).split('\n')).toEqual([
      '* welcome alice',
      longest.heard,
      TOO_LONG,
      TOO_LONG,
      longest.heard,
      '* closing eof: accepted 2, delivered 2',
      '',
    ]);
  });

  it('is measured in bytes, not in characters', async () => {
    const server = await Server.start({ maxLine: LIMIT });
    const fits = `alice:${'\u00e4'.repeat(17)}`;
    const over = `alice: ${'\u00e4'.repeat(17)}`;
    const text = await server.converse(`alice\n${fits}\n${over}\n`);
    expect(text.split('\n').slice(1, 3)).toEqual([`from alice: ${'\u00e4'.repeat(17)}`, TOO_LONG]);
  });

  it('is measured with its white space', async () => {
    const server = await Server.start({ maxLine: LIMIT });
    const text = await server.converse(
      `alice\nalice: a${' '.repeat(LIMIT - 8)}\nalice: b${' '.repeat(LIMIT - 7)}\n`,
    );
    expect(text.split('\n').slice(1, 3)).toEqual(['from alice: a', TOO_LONG]);
  });

  it('is dropped whole and told of once, in its place among good ones of the same write', async () => {
    const server = await Server.start({ maxLine: LIMIT });
    const over = message(LIMIT + 1).line;
    const text = await server.converse(
      `alice\n${over}\nalice: 1\n${over}${over}\n${over}\r\nalice: 2\nalice: 3\n${over}\n/ping\n`,
    );
    expect(text.split('\n')).toEqual([
      '* welcome alice',
      TOO_LONG,
      'from alice: 1',
      TOO_LONG,
      TOO_LONG,
      'from alice: 2',
      'from alice: 3',
      TOO_LONG,
      '* pong',
      '* closing eof: accepted 3, delivered 3',
      '',
    ]);
  });

  it('is dropped whole and told of once when it comes in pieces, each with good lines around', async () => {
    const server = await Server.start({ maxLine: LIMIT });
    const read = await barrier(server);
    const alice = await server.login('alice');
    const over = message(LIMIT + 1).line;
    await dribble(
      alice,
      [
        `alice: 1\n${over}`,
        'x',
        'alice: not this',
        over,
        `end\nalice: 2\n${over}\nalice: 3\n${over}xx`,
        `end\n${over}xx`,
        '\r',
        '\nali',
        'ce: 4\n',
        `${over}x`,
        '\n',
        'alice: 5\n',
      ],
      read,
    );
    alice.end();
    expect((await alice.whole()).split('\n')).toEqual([
      '* welcome alice',
      'from alice: 1',
      TOO_LONG,
      'from alice: 2',
      TOO_LONG,
      'from alice: 3',
      TOO_LONG,
      TOO_LONG,
      'from alice: 4',
      TOO_LONG,
      'from alice: 5',
      '* closing eof: accepted 5, delivered 5',
      '',
    ]);
  });

  it('is told of as soon as it is over, not when it ends', async () => {
    const server = await Server.start({ maxLine: LIMIT });
    const alice = await server.login('alice');
    alice.send('x'.repeat(2 * LIMIT));
    await alice.heard('! line-too-long 40: ');
    alice.send(`${'x'.repeat(1000)}\nalice: on we go\n`);
    await alice.heard('from alice: on we go\n');
    expect(alice.text.match(/line-too-long/g)).toHaveLength(1);
  });

  it.each([LIMIT + 1, LIMIT + 2, LIMIT + 100])(
    'is dropped where the connection ends in it: %d bytes',
    async (length) => {
      const server = await Server.start({ maxLine: LIMIT });
      const text = await server.converse(`alice\n${message(length).line}`);
      expect(text.split('\n')).toEqual([
        '* welcome alice',
        TOO_LONG,
        '* closing eof: accepted 0, delivered 0',
        '',
      ]);
    },
  );

  it.each(['', '\r'])('is not a last line of just the limit, though it ends in %j', async (end) => {
    const server = await Server.start({ maxLine: LIMIT });
    const { line, heard } = message(LIMIT);
    const text = await server.converse(`alice\n${line}${end}`);
    expect(text).toBe(`* welcome alice\n${heard}\n* closing eof: accepted 1, delivered 1\n`);
  });

  it('is not a login, and the next line is another try', async () => {
    const server = await Server.start({ maxLine: LIMIT });
    const read = await barrier(server);
    const peer = server.connect();
    await dribble(peer, ['x'.repeat(LIMIT), 'x'.repeat(LIMIT), 'x\nalice\n'], read);
    peer.send(`${'y'.repeat(LIMIT + 1)}\nalice: hi\n`);
    peer.end();
    expect((await peer.whole()).split('\n')).toEqual([
      TOO_LONG,
      '* welcome alice',
      TOO_LONG,
      'from alice: hi',
      '* closing eof: accepted 1, delivered 1',
      '',
    ]);
    expect(server.all('joined').map(({ name }) => name)).toEqual(['clock', 'alice']);
  });

  it('is measured without the byte order mark before it', async () => {
    const server = await Server.start({ maxLine: LIMIT });
    const read = await barrier(server);
    const name = Buffer.from(`\ufeff${'x'.repeat(LIMIT)}`);
    for (const parts of [[name, '\n'], [name.subarray(0, 2), name.subarray(2), '\r\n'], [name]]) {
      const peer = server.connect();
      await dribble(peer, parts, read);
      peer.end();
      expect(await peer.whole()).toMatch(/^\* welcome x{40}\n/);
    }
  });

  it('in front of everything leaves no room for a byte order mark behind it', async () => {
    const server = await Server.start({ maxLine: LIMIT });
    const read = await barrier(server);
    const peer = server.connect();
    await dribble(peer, ['x'.repeat(2 * LIMIT), '\n\ufeffalice\n'], read);
    peer.end();
    const lines = (await peer.whole()).split('\n');
    expect(lines[0]).toEqual(TOO_LONG);
    expect(lines[1]).toMatch(/^! name-invalid \ufeffalice: /);
  });

  it('is beyond 65536 bytes unless the server is told otherwise', async () => {
    const server = await Server.start();
    const { line, heard } = message(65536);
    const text = await server.converse(`alice\n${line}\n${line}x\n`);
    expect(text.split('\n').slice(1, 3)).toEqual([heard, expect.stringMatching(/^! line-too-long 65536: /)]);
  });

  it('may go on for megabytes, and is skipped to its end', async () => {
    const server = await Server.start({ maxLine: LIMIT });
    const [bob, alice] = await server.logins('bob', 'alice');
    for (let n = 0; n < 64; n += 1) alice.send(Buffer.alloc(64 * 1024, 'x'));
    alice.send('\nbob: after all that\n');
    await bob.heard('from alice: after all that\n');
    expect(alice.text.match(/line-too-long/g)).toHaveLength(1);
  });
});

describe('lines', () => {
  /** What becomes of `chunks`, blocks run together. */
  function cut(chunks: readonly string[], maxLine: number): string[] {
    const pieces: string[] = [];
    from(chunks.map((chunk) => Buffer.from(chunk)))
      .pipe(lines(maxLine))
      .subscribe((piece) => {
        if (piece === overlong) pieces.push('<overlong>');
        else pieces.push(...piece.toString().split(/(?<=\n)/));
      });
    return pieces;
  }

  it('are the same wherever the input is cut in three', () => {
    const input =
      'a\nbb\r\n\n0123456\n01234567\r\n012345678\nxxxxxxxxxxxxxxxxxxxx\r\n\r\n0123456\r\n012345678';
    const whole = cut([input], 7);
    expect(whole).toEqual([
      'a\n',
      'bb\r\n',
      '\n',
      '0123456\n',
      '<overlong>',
      '<overlong>',
      '<overlong>',
      '\r\n',
      '0123456\r\n',
      '<overlong>',
    ]);
    for (let first = 1; first < input.length - 1; first += 1) {
      for (let second = first + 1; second < input.length; second += 1) {
        const chunks = [input.slice(0, first), input.slice(first, second), input.slice(second)];
        expect(cut(chunks, 7)).toEqual(whole);
      }
    }
    expect(cut(input.split(/(?!^)/), 7)).toEqual(whole);
  });
});
