import { MAX_NAME_BYTES, nameProblem, normalizeName } from '../../lib/protocol/names.ts';
import { Server, stopServers } from '../support/server.ts';

afterEach(stopServers);

const COMPOSED = 'Jos\u00e9';
const DECOMPOSED = 'Jose\u0301';

/** Names that may not be, beside why. */
const INVALID: [string, string][] = [
  ['a comma', 'a,b'],
  ['a colon', 'a:b'],
  ['a tab inside', 'a\tb'],
  ['a NUL', 'a\0b'],
  ['an escape', '\x1b[31mred'],
  ['a bare carriage return', 'a\rb'],
  ['DEL', 'a\x7f'],
  ['a C1 control', 'a\u009bb'],
  ['NEL inside', 'a\u0085b'],
  ['a soft hyphen', 'a\u00adb'],
  ['a zero-width space', 'a\u200bb'],
  ['a zero-width joiner', 'a\u200db'],
  ['a right-to-left override', 'a\u202eb'],
  ['a byte order mark inside', 'a\ufeffb'],
  ['a tag character', 'a\u{e0041}'],
  ['the first private-use character', '\ue000'],
  ['a private-use character of plane 15', 'a\u{f0000}'],
  ['a private-use character of plane 16', 'a\u{10fffd}'],
  ['an unassigned character', 'a\u0378'],
  ['a noncharacter', 'a\uffff'],
  ['the last code point', 'a\u{10ffff}'],
  ['a line separator', 'a\u2028b'],
  ['a paragraph separator', 'a\u2029b'],
  ['a slash in front', '/alice'],
  ['a hash in front', '#alice'],
  ['an asterisk in front', '*alice'],
  ['an exclamation mark in front', '!alice'],
  ['an at sign in front', '@alice'],
  ['a forbidden first character behind white space', ' \t/alice'],
  ['65 bytes', 'x'.repeat(65)],
  ['65 bytes in 33 characters', `${'\u00e9'.repeat(32)}x`],
  ['65 bytes in 17 characters', `${'\u{1f642}'.repeat(16)}x`],
  ['a Hangul filler alone', '\u3164'],
  ['Hangul fillers of other kinds alone', '\u115f\u1160\uffa0'],
  ['empty Braille alone', '\u2800'],
  ['a null note alone', '\u{1d159}'],
  ['a blank hieroglyph alone', '\u{13441}'],
  ['a variation selector alone', '\ufe0f'],
  ['variation selectors and joiners alone', '\ufe00\u{e0100}\u034f\u17b4\u180b'],
  ['blanks of all kinds alone', '\u3164 \u2800\u3000\u034f'],
  ...[
    ...['\uff1a', '\ufe13', '\ufe55', '\ufe30', '\ua789', '\u02d0', '\u02f8', '\u2236', '\u205a', '\u05c3'],
    ...['\u0589', '\u0703', '\u16ec', '\u1803', '\u0903', '\u0a83', '\ua4fd', '\u2a74', '\u29f4', '\u2982'],
    ...['\u1361', '\u2237', '\u2254', '\ua6f4', '\u{11dd9}'],
  ].map((sign): [string, string] => [`what looks like a colon: ${sign}`, `alice${sign}`]),
  ...[
    ...['\uff0c', '\ufe10', '\ufe50', '\u201a', '\u00b8', '\u066b', '\u060d', '\u060c', '\ua4f9', '\ua4fb'],
    ...['\u{1f101}', '\u2e41', '\u1802'],
  ].map((sign): [string, string] => [`what looks like a comma: ${sign}`, `alice${sign}bob`]),
  ['a visarga that stands for itself', '\u0930 \u0903'],
  ['a tone where all looks like ASCII', '\ua4ee\ua4e1\ua4f2\ua4da\ua4f0\ua4fd'],
  ...['\uff0f', '\uff03', '\ufe5f', '\uff0a', '\uff01', '\u203c', '\uff20'].map((sign): [string, string] => [
    `what looks like a forbidden first character: ${sign}`,
    `${sign}tea`,
  ]),
  ['66 bytes that are 33 before NFC', '\u0958'.repeat(11)],
];

const VALID: [string, string][] = [
  ['one byte', 'a'],
  ['one byte that is a digit', '7'],
  ['64 bytes', 'x'.repeat(64)],
  ['64 bytes in 32 characters', '\u00e9'.repeat(32)],
  ['64 bytes in 16 characters', '\u{1f642}'.repeat(16)],
  ['60 bytes that are 30 before NFC', '\u0958'.repeat(10)],
  ['64 bytes that are 96 before NFC', 'e\u0301'.repeat(32)],
  ['inner space', 'Alice  in Wonderland'],
  ['forbidden first characters that are not first', 'a/#*!@'],
  ['other punctuation in front', '.~-_$%&()[]{}<>?;=+^|"\'`\\'],
  ['letters of another script', '\u0416\u0437\u6f22\u0639'],
  ['an emoji', '\u{1f642}'],
  ['a combining mark', 'x\u0323'],
  ['an emoji with a variation selector', '\u2764\ufe0f'],
  ['a flag', '\u{1f1ef}\u{1f1f5}'],
  ['a skin tone', '\u{1f44b}\u{1f3fd}'],
  ['Arabic', '\u0641\u0627\u0637\u0645\u0629'],
  ['Persian', '\u0645\u06cc\u0646\u0627'],
  ['Hebrew with points', '\u05d3\u05b8\u05bc\u05d5\u05b4\u05d3'],
  ['Hebrew with a geresh', '\u05d2\u05f3\u05d5\u05e8\u05d2'],
  ['Hindi with a visarga', '\u0926\u0941\u0903\u0916'],
  ['Sanskrit that ends with one', '\u0930\u093e\u092e\u0903'],
  ['Gujarati with a visarga', '\u0ab0\u0abe\u0aae\u0a83'],
  ['Tamil', '\u0b95\u0bae\u0bb2\u0bbe'],
  ['Thai', '\u0e2a\u0e21\u0e0a\u0e32\u0e22'],
  ['Burmese', '\u1021\u1031\u102c\u1004\u103a'],
  ['Khmer', '\u179f\u17bb\u1781\u17b6'],
  ['Tibetan', '\u0f56\u0f66\u0f7c\u0f51\u0f0b\u0f53\u0f58\u0f66'],
  ['Amharic', '\u12a0\u1260\u1260'],
  ['Armenian', '\u0531\u0576\u056b'],
  ['Georgian', '\u10dc\u10d8\u10dc\u10dd'],
  ['Greek', '\u0391\u03bb\u03ad\u03be\u03b1\u03bd\u03b4\u03c1\u03bf\u03c2'],
  ['Mongolian', '\u182a\u1820\u1832\u1824'],
  ['Lisu with a tone', '\ua4d8\ua4f2\ua4fd\ua4d9'],
  ['Japanese', '\u30ce\u30a2 \u30b8\u30e7\u30fc\u30f3\u30fb\u5c71\u7530'],
  ['Japanese of half width', '\uff94\uff8f\uff80\uff9e'],
  ['Korean', '\uae40\ubbfc\uc900'],
  ['Chinese', '\u4e3f\u738b\u5c0f\u660e'],
  ['Vietnamese', 'Nguy\u1ec5n'],
  ['Hawaiian', 'Ka\u02bbiulani'],
  ['a click at its beginning', '\u01c3Kung'],
  ['a cedilla', '\u015eule \u0122irts'],
  ['an ideographic space inside', 'a\u3000b'],
  ['the replacement character', 'a\ufffd'],
  ['white space around it', ' \t\u00a0\u2003\u3000alice\u3000\u2028\u0085 '],
];

describe('a name', () => {
  it.each(VALID)('may be %s', (_what, name) => {
    expect(nameProblem(normalizeName(name))).toBeUndefined();
  });

  it.each(INVALID)('may not be or hold %s', (_what, name) => {
    expect(nameProblem(normalizeName(name))).toMatch(/^a name /);
  });

  it.each([
    ['high', 'a\ud83d'],
    ['low', '\ude42a'],
  ])('may not hold a lone %s surrogate', (_which, name) => {
    expect(nameProblem(normalizeName(name))).toBe('a name holds printable characters only');
  });

  it('may hold any printable ASCII but comma and colon, and no other', () => {
    for (let code = 0; code < 0x80; code += 1) {
      const character = String.fromCharCode(code);
      const printable = code >= 0x20 && code < 0x7f;
      const good = printable && character !== ',' && character !== ':';
      expect([code, nameProblem(`a${character}a`) === undefined]).toEqual([code, good]);
    }
  });

  it('may begin with any printable ASCII but comma, colon, / # * ! and @', () => {
    for (let code = 0x21; code < 0x7f; code += 1) {
      const character = String.fromCharCode(code);
      expect([character, nameProblem(character) === undefined]).toEqual([
        character,
        !',:/#*!@'.includes(character),
      ]);
    }
  });

  it('says what is wrong', () => {
    expect(nameProblem('x'.repeat(MAX_NAME_BYTES + 1))).toBe('a name is at most 64 bytes long');
    expect(nameProblem('a,b')).toBe("a name holds no ',' and no ':'");
    expect(nameProblem('/a')).toBe("a name does not begin with '/', '#', '*', '!' or '@'");
    expect(nameProblem('a\u200b')).toBe('a name holds printable characters only');
    expect(nameProblem('\u3164')).toBe('a name shows something');
    expect(nameProblem('alice\uff1a')).toBe("a name holds nothing that looks like ',' or ':'");
  });
});

describe('normalizing', () => {
  it('makes two spellings of one name the same string', () => {
    expect(normalizeName(DECOMPOSED)).toBe(COMPOSED);
    expect(normalizeName(COMPOSED)).toBe(COMPOSED);
    expect(normalizeName('\u212b')).toBe('\u00c5');
  });

  it('takes white space off the ends and leaves what is inside', () => {
    expect(normalizeName('\t  a  b \u00a0\u2003\u3000\u0085\r')).toBe('a  b');
  });

  it('does not take a byte order mark for white space', () => {
    expect(normalizeName('\ufeffa\ufeff')).toBe('\ufeffa\ufeff');
  });

  it('keeps case, and compatibility forms apart', () => {
    expect(normalizeName('Bob')).toBe('Bob');
    expect(normalizeName('\uff42ob')).toBe('\uff42ob');
  });
});

describe('over a connection', () => {
  it('every valid name is welcomed in its normal form, and reached by it', async () => {
    const server = await Server.start();
    for (const [, written] of VALID) {
      const name = normalizeName(written);
      const text = await server.converse(`${written}\n${written}: hi\n`);
      expect(text).toBe(`* welcome ${name}\nfrom ${name}: hi\n* closing eof: accepted 1, delivered 1\n`);
    }
  });

  it('every invalid name is refused, and the next line is another try', async () => {
    const server = await Server.start();
    for (const [, written] of INVALID) {
      const lines = (await server.converse(`${written}\nalice\n`)).split('\n');
      expect(lines).toHaveLength(4);
      expect(lines[0]).toMatch(/^! name-invalid \S.*: a name /su);
      expect(lines[1]).toBe('* welcome alice');
    }
    expect(server.all('refused').map(({ code }) => code)).toEqual(INVALID.map(() => 'name-invalid'));
  });

  it('two spellings of one name are taken together', async () => {
    const server = await Server.start();
    await server.login(DECOMPOSED);
    const lines = (await server.converse(`${COMPOSED}\n${DECOMPOSED}\nalice\n`)).split('\n');
    expect(lines.slice(0, 2)).toEqual([
      expect.stringMatching(`^! name-taken ${COMPOSED}: `),
      expect.stringMatching(`^! name-taken ${COMPOSED}: `),
    ]);
    expect(lines[2]).toBe('* welcome alice');
  });

  it.each([
    [DECOMPOSED, COMPOSED],
    [COMPOSED, DECOMPOSED],
  ])('a dest is found under either spelling: %j as %j', async (login, dest) => {
    const server = await Server.start();
    const jose = server.connect();
    jose.send(`${login}\n`);
    await jose.heard(`* welcome ${COMPOSED}\n`);
    await server.converse(`alice\n${dest}: hi\n${dest}, ${login}: once\n`);
    await jose.settled();
    expect(jose.lines.slice(1, -1)).toEqual(['from alice: hi', 'from alice: once']);
    jose.send(`${login}: me\n/who\n`);
    await jose.heard(`from ${COMPOSED}: me\n* who 1: ${COMPOSED}\n`);
  });

  it('a dest that is not here is named in its normal form, without the white space', async () => {
    const server = await Server.start();
    const text = await server.converse(`alice\n\u00a0 ${DECOMPOSED} : hi\n`);
    expect(text.split('\n')[1]).toBe(`! not-connected ${COMPOSED}: nobody of that name is here`);
  });

  it('bytes that are not UTF-8 are replacement characters, in a login and in a dest', async () => {
    const server = await Server.start();
    const surrogate = Buffer.from([0xed, 0xa0, 0x80]);
    const text = await server.converse(surrogate, '\n', surrogate, ': hi\n');
    const name = '\ufffd'.repeat(3);
    expect(text).toBe(`* welcome ${name}\nfrom ${name}: hi\n* closing eof: accepted 1, delivered 1\n`);
  });

  it('white space alone is no name, and not even a try', async () => {
    const server = await Server.start();
    const text = await server.converse(' \t\n\u3000\u2028\n\u00a0\r\nalice\n');
    expect(text).toMatch(/^\* welcome alice\n/);
    expect(server.all('refused')).toEqual([]);
  });

  it('a refusal repeats a name of any length in a readable one', async () => {
    const server = await Server.start();
    const [line = ''] = (await server.converse(`${'\u{1f642}'.repeat(10_000)}\n`)).split('\n');
    expect(line).toMatch(/^! name-invalid \u{1f642}+\u2026: a name /u);
    expect(line.length).toBeLessThan(250);
  });

  it('the hundredth that is refused ends the connection, whatever comes behind it', async () => {
    const server = await Server.start();
    const text = await server.converse('/who\n'.repeat(150), 'alice\n');
    const lines = text.split('\n');
    expect(lines).toHaveLength(100 + 2);
    expect(lines[99]).toMatch(/^! name-invalid \/who: /);
    expect(lines[100]).toBe('* closing name-invalid: accepted 0, delivered 0');
    expect(server.all('refused')).toHaveLength(100);
    expect(await server.told('left')).toMatchObject({ name: undefined, reason: 'name-invalid' });
  });
});
