import { abbreviate, byteLength, defang, splitWord, trim } from '../../lib/protocol/text.ts';
import { Server, stopServers } from '../support/server.ts';

afterEach(stopServers);

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index);

/** What C0 and DEL are shown as. */
const picture = (code: number) => String.fromCharCode(code === 0x7f ? 0x2421 : 0x2400 + code);

/** Every control character that a line can hold in its middle, but for the tab. */
const C0_AND_DEL = [...range(0, 0x1f), 0x7f].filter((code) => code !== 0x09 && code !== 0x0a);
const C1 = range(0x80, 0x9f);
/** What ends a line for some programs, and what turns the direction of a text. */
const TURNS = [...range(0x2028, 0x202e), ...range(0x2066, 0x2069)];

describe('defang', () => {
  it('shows each C0 control and DEL by its picture', () => {
    for (const code of C0_AND_DEL)
      expect(defang(`a${String.fromCharCode(code)}b`)).toBe(`a${picture(code)}b`);
  });

  it('shows each C1 control, separator of lines and turn of direction as U+FFFD', () => {
    for (const code of [...C1, ...TURNS]) expect(defang(`a${String.fromCharCode(code)}b`)).toBe('a\ufffdb');
  });

  it('leaves tabs, newlines and all that is printable', () => {
    const text = '\ta b\n~\u00a0\u00ff\u2027\u202f\u2065\u206a\u200e\u200f\u061c\u200d\u{1f642}\u4e2d';
    expect(defang(text)).toBe(text);
  });

  it('takes the teeth out of every control in a row', () => {
    expect(defang('\x1b]0;title\x07\x1b[2J')).toBe('\u241b]0;title\u2407\u241b[2J');
  });
});

describe('trim', () => {
  const spaces = [...range(0x09, 0x0d), 0x20, 0x85, 0xa0, 0x1680, ...range(0x2000, 0x200a)].concat([
    0x2028, 0x2029, 0x202f, 0x205f, 0x3000,
  ]);

  it('takes the white space of Unicode off both ends', () => {
    for (const code of spaces) {
      const space = String.fromCharCode(code);
      expect([code, trim(`${space}${space}a${space}b${space}`)]).toEqual([code, `a${space}b`]);
    }
  });

  it('takes nothing else', () => {
    for (const code of [0x00, 0x1c, 0x1f, 0x200b, 0x2060, 0xfeff, 0xe0]) {
      const character = String.fromCharCode(code);
      expect(trim(`${character}a${character}`)).toBe(`${character}a${character}`);
    }
  });

  it('makes nothing of white space alone', () => {
    expect(trim(' \t\u3000\r\n')).toBe('');
    expect(trim('')).toBe('');
  });
});

describe('abbreviate', () => {
  it('passes what has at most 64 characters, counted as people do, not as JavaScript does', () => {
    for (const text of ['', 'a', 'x'.repeat(64), '\u{1f642}'.repeat(64)]) expect(abbreviate(text)).toBe(text);
  });

  it('cuts the rest off and says so', () => {
    expect(abbreviate('x'.repeat(65))).toBe(`${'x'.repeat(64)}\u2026`);
    expect(abbreviate('x'.repeat(100_000))).toBe(`${'x'.repeat(64)}\u2026`);
  });

  it('never cuts a character in two', () => {
    expect(abbreviate('\u{1f642}'.repeat(65))).toBe(`${'\u{1f642}'.repeat(64)}\u2026`);
    expect(abbreviate(`a${'\u{1f642}'.repeat(1000)}`)).toBe(`a${'\u{1f642}'.repeat(63)}\u2026`);
  });
});

it('splitWord parts at the first white space, as Unicode has it', () => {
  expect(splitWord('/ping a b')).toEqual({ word: '/ping', rest: 'a b' });
  expect(splitWord('/ping \u0085\u3000\x0b a')).toEqual({ word: '/ping', rest: 'a' });
  expect(splitWord('/ping\ufeffa')).toEqual({ word: '/ping\ufeffa', rest: '' });
});

it('byteLength counts what goes over the wire', () => {
  expect(['', 'abc', '\u00e4', '\u20ac', '\u{1f642}', '\ud83d'].map(byteLength)).toEqual([0, 3, 2, 3, 4, 3]);
});

describe('control characters over a connection', () => {
  const every = String.fromCharCode(...C0_AND_DEL, ...C1, ...TURNS);
  const shown = C0_AND_DEL.map(picture).join('') + '\ufffd'.repeat(C1.length + TURNS.length);

  it('are shown by their stand-ins in a message, tab excepted', async () => {
    const server = await Server.start();
    const text = await server.converse(`alice\nalice: <${every}\t>\n`);
    expect(text.split('\n')[1]).toBe(`from alice: <${shown}\t>`);
  });

  it('are shown in a message that comes in one write with plain ones', async () => {
    const server = await Server.start();
    const text = await server.converse('alice\nalice: one\nalice: \x1b[2J\nalice: two\n');
    expect(text.split('\n').slice(1, 4)).toEqual([
      'from alice: one',
      'from alice: \u241b[2J',
      'from alice: two',
    ]);
  });

  it('are shown by their stand-ins where an error line repeats a name', async () => {
    const server = await Server.start();
    const lines = (await server.converse('\x1b[31m\u009b\r\x7fmallory\nalice\nbob\x07\u0090\rx: hi\n')).split(
      '\n',
    );
    expect(lines[0]).toMatch(/^! name-invalid \u241b\[31m\ufffd\u240d\u2421mallory: /);
    expect(lines[2]).toBe('! not-connected bob\u2407\ufffd\u240dx: nobody of that name is here');
  });

  it('are shown by their stand-ins where an error line repeats a command', async () => {
    const server = await Server.start();
    const lines = (await server.converse('alice\n/\x1b[2J\u009b\x7f\n')).split('\n');
    expect(lines[1]).toMatch(/^! unknown-command \/\u241b\[2J\ufffd\u2421: /);
  });

  it('and all else that is no name stay out of what the operator is told', async () => {
    const server = await Server.start({ allowControlChars: true });
    await server.converse('\x1b[31m\u009b\u202emallory\nbob: a secret\n');
    expect(server.all('refused').map(({ name }) => name)).toEqual([undefined, undefined]);
  });

  it('pass where the server allows them', async () => {
    const server = await Server.start({ allowControlChars: true });
    const text = await server.converse(`alice\nalice: <${every}\t>\ncarol\x1b[1m: hi\n/\x1b[2J\n`);
    expect(text.split('\n').slice(1, 4)).toEqual([
      `from alice: <${every}\t>`,
      '! not-connected carol\x1b[1m: nobody of that name is here',
      expect.stringMatching(/^! unknown-command \/\x1b\[2J: /),
    ]);
  });

  it('do not get into a name even so', async () => {
    const server = await Server.start({ allowControlChars: true });
    const [line] = (await server.converse('al\x1bice\n')).split('\n');
    expect(line).toMatch(/^! name-invalid al\x1bice: /);
  });

  it('include what ends a line for some programs, wherever input is repeated', async () => {
    const server = await Server.start();
    const text = await server.converse(
      'al\u2028ice\nalice\nalice: a\u2028from bob: I owe you\u202e\n/ping a\u2029* welcome bob\n' +
        'b\u2028from bob: hi\n/a\u2066b\n',
    );
    expect(text).not.toMatch(/[\u2028-\u202e\u2066-\u2069]/);
    expect(text.split('\n').slice(0, 6)).toEqual([
      expect.stringMatching(/^! name-invalid al\ufffdice: /),
      '* welcome alice',
      'from alice: a\ufffdfrom bob: I owe you\ufffd',
      '* pong a\ufffd* welcome bob',
      '! not-connected b\ufffdfrom bob: nobody of that name is here',
      expect.stringMatching(/^! unknown-command \/a\ufffdb: /),
    ]);
  });

  it('include a carriage return in the middle, which could forge a line', async () => {
    const server = await Server.start();
    const text = await server.converse('alice\nalice: hi\rfrom bob: I owe you\r\r\n');
    expect(text).toBe(
      '* welcome alice\nfrom alice: hi\u240dfrom bob: I owe you\n* closing eof: accepted 1, delivered 1\n',
    );
  });
});

describe('text over a connection', () => {
  it('is the same whether its lines end in LF or CRLF', async () => {
    const server = await Server.start();
    const session =
      'alice\n\nalice: hi\nalice:\nbob: hi\n/ping x\n/ping\n/who\nnonsense\n/nonsense\n/help\n/quit\n';
    const text = await server.converse(session);
    expect(text).toContain('from alice: \n');
    expect(text).not.toContain('\r');
    expect(await server.converse(session.replaceAll('\n', '\r\n'))).toBe(text);
  });

  it('may begin with a byte order mark, which is not part of the login', async () => {
    const server = await Server.start();
    expect(await server.converse('\ufeffalice\n')).toMatch(/^\* welcome alice\n/);
    expect(await server.converse('\ufeff\nalice\n')).toMatch(/^\* welcome alice\n/);
    expect(await server.converse('\ufeffGET / HTTP/1.1\n')).toMatch(/^! not-chat: /);
  });

  it('may begin with one byte order mark only, and only at the start', async () => {
    const server = await Server.start();
    expect(await server.converse('\ufeff\ufeffalice\n')).toMatch(/^! name-invalid \ufeffalice: /);
    expect(await server.converse('\n\ufeffalice\n')).toMatch(/^! name-invalid \ufeffalice: /);
    const text = await server.converse('alice\nalice: a\n\ufeffalice: b\nalice: \ufeffc\ufeff\n');
    expect(text.split('\n').slice(1, 4)).toEqual([
      'from alice: a',
      '! not-connected \ufeffalice: nobody of that name is here',
      'from alice: \ufeffc\ufeff',
    ]);
  });

  it.each([
    'voil\u00e0',
    '\u00e0',
    '\u0105\u0105',
    '\u2020',
    '\u4e20',
    '\u{1f620}',
    '\u0445',
    '\u0160 \u2105',
  ])('keeps a last character whose last byte looks like white space: %j', async (word) => {
    const server = await Server.start();
    const text = await server.converse(`alice\nalice: ${word}\nalice:${word} \r\n`);
    expect(text.split('\n').slice(1, 3)).toEqual([`from alice: ${word}`, `from alice: ${word}`]);
  });

  it('is trimmed of white space beyond ASCII, and keeps it inside', async () => {
    const server = await Server.start();
    const text = await server.converse('alice\nalice:\u00a0\u3000a\u00a0b\u2003\u0085\r\n');
    expect(text.split('\n')[1]).toBe('from alice: a\u00a0b');
  });

  it('shows bytes that are not UTF-8 as U+FFFD', async () => {
    const server = await Server.start();
    const text = await server.converse('alice\nalice: a', Buffer.from([0xff, 0x9b, 0xc3]), 'b\xa0\n');
    expect(text.split('\n')[1]).toBe('from alice: a\ufffd\ufffd\ufffdb');
  });
});
