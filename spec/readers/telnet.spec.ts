import { Opening } from '../../lib/readers/opening.ts';
import { Telnet } from '../../lib/readers/telnet.ts';
import { Server, stopServers } from '../support/server.ts';

afterEach(stopServers);

const [IAC, DONT, DO, WONT, WILL, SB, SE] = [0xff, 0xfe, 0xfd, 0xfc, 0xfb, 0xfa, 0xf0];

/** What PuTTY says first; one option and one parameter are the byte of a newline. */
const HELLO = Buffer.from([
  ...[IAC, WILL, 0x1f, IAC, WILL, 0x20, IAC, DO, 0x03, IAC, DO, 0x0a, IAC, WONT, 0x01, IAC, DONT, 0x05],
  ...[IAC, SB, 0x1f, 0, 80, 0x0a, IAC, IAC, 24, IAC, SE, IAC, 0xf1],
]);
const ANSWERS = Buffer.from([...[IAC, DONT, 0x1f, IAC, DONT, 0x20, IAC, WONT, 0x03, IAC, WONT, 0x0a]]);

/** What comes of chunks, and what is answered. */
function open(...chunks: Buffer[]): { text: string; answers: Buffer } {
  const answers: Buffer[] = [];
  const opening = new Opening((bytes) => answers.push(bytes));
  const text = chunks.map((chunk) =>
    opening.isOver ? chunk : (opening.take(chunk) ?? Buffer.from('foreign')),
  );
  return { text: Buffer.concat([...text, opening.rest]).toString('latin1'), answers: Buffer.concat(answers) };
}

describe('what telnet says', () => {
  const line = Buffer.concat([HELLO, Buffer.from('al'), Buffer.of(IAC, 0xf6), Buffer.from('ice\r\n')]);

  test('is taken out of the first line and declined', () => {
    expect(open(line)).toEqual({ text: 'alice\r\n', answers: ANSWERS });
  });

  test('is so wherever it is cut', () => {
    for (let at = 0; at <= line.length; at += 1) {
      expect(open(line.subarray(0, at), line.subarray(at))).toEqual({ text: 'alice\r\n', answers: ANSWERS });
    }
    expect(open(...[...line].map((byte) => Buffer.of(byte)))).toEqual({
      text: 'alice\r\n',
      answers: ANSWERS,
    });
  });

  test('is left as it is behind the first line that is not empty', () => {
    const rest = Buffer.from([0x62, IAC, WILL, 1, 0x0a]);
    const all = Buffer.concat([Buffer.from('\r\n'), line, rest]);
    expect(open(all).text).toBe(`\r\nalice\r\n${rest.toString('latin1')}`);
    expect(open(Buffer.from('alice\n'), rest)).toEqual({
      text: `alice\n${rest.toString('latin1')}`,
      answers: Buffer.alloc(0),
    });
  });

  test('may hold one of its bytes as text, twice', () => {
    expect(open(Buffer.from([0x61, IAC, IAC, 0x62, 0x0a])).text).toBe('a\xffb\n');
  });

  test('is answered so often, and no more', () => {
    const answers: Buffer[] = [];
    const telnet = new Telnet((bytes) => answers.push(bytes));
    for (let count = 0; count < 1000; count += 1) for (const byte of [IAC, WILL, 1]) telnet.isText(byte);
    expect(answers).toHaveLength(64);
  });

  test('keeps nobody from logging in, by a clean name', async () => {
    const server = await Server.start();
    const peer = server.connect();
    peer.send(HELLO);
    peer.send('alice\r\nalice: hi\r\n');
    await peer.heard('from alice: hi\n');
    expect(peer.text.startsWith(ANSWERS.toString())).toBe(true);
    expect(server.all('joined')).toMatchObject([{ name: 'alice' }]);
    expect(server.all('refused')).toEqual([]);
  });

  test('without an end is over with the time for a login', async () => {
    const server = await Server.start({ loginTimeout: 1000 });
    const peer = server.connect();
    const more = setInterval(() => {
      peer.send(Buffer.concat([Buffer.of(IAC, SB), Buffer.alloc(10_000, 7)]));
    }, 5);
    expect(await peer.whole()).toMatch(/^! login-timeout: /);
    clearInterval(more);
  });
});

describe('what a proxy says in bytes', () => {
  const PROXY = Buffer.from('\r\n\r\n\0\r\nQUIT\n\x21');

  test('is known wherever it is cut', () => {
    for (let at = 0; at < 12; at += 1) {
      expect(open(PROXY.subarray(0, at), PROXY.subarray(at)).text).toMatch(/^foreign/);
    }
  });

  test('is not known by its beginning: that is text', () => {
    for (let end = 0; end < 12; end += 1) {
      const part = PROXY.subarray(0, end).toString();
      expect(open(Buffer.from(part)).text).toBe(part);
      expect(open(Buffer.from(part), Buffer.from('alice\n')).text).toBe(`${part}alice\n`);
    }
  });
});
