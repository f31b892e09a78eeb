import { Subject } from 'rxjs';
import { expectTurnedAway, refusal } from '../support/refusals.ts';
import { Server, stopServers } from '../support/server.ts';
import { until } from '../support/until.ts';

afterEach(stopServers);

describe('an exchange', () => {
  it('goes line by line as the protocol shows it', async () => {
    const shutdown$ = new Subject<string>();
    const server = await Server.start({ shutdown$ });
    const [alice, bob] = await server.logins('alice', 'bob');

    alice.send('bob: hello\n');
    await bob.heard('from alice: hello\n');
    bob.send('alice, bob: hi!\n');
    await alice.heard('from bob: hi!\n');
    alice.send('carol: there?\n');
    await alice.heard('! not-connected');
    shutdown$.next('Ctrl-C');

    expect(await alice.whole()).toBe(
      '* welcome alice\n' +
        'from bob: hi!\n' +
        '! not-connected carol: nobody of that name is here\n' +
        '* closing shutdown: accepted 2, delivered 1\n',
    );
    expect(await bob.whole()).toBe(
      '* welcome bob\n' +
        'from alice: hello\n' +
        'from bob: hi!\n' +
        '* closing shutdown: accepted 1, delivered 2\n',
    );
  });
});

describe('a message', () => {
  /** What the session `input` of alice gets her, between welcome and closing, and what it gets bob. */
  async function after(input: string): Promise<{ alice: string[]; bob: string[] }> {
    const server = await Server.start();
    const bob = await server.login('bob');
    const [welcome, ...rest] = (await server.converse(`alice\n${input}`)).split('\n').slice(0, -1);
    expect(welcome).toBe('* welcome alice');
    expect(rest.pop()).toMatch(/^\* closing eof: /);
    await bob.quit();
    return { alice: rest, bob: bob.lines.slice(1, -1) };
  }

  it('reaches each dest, whatever white space is around the names and the text', async () => {
    const { alice, bob } = await after('  bob ,\talice\t:  hello   world \t\n');
    expect(bob).toEqual(['from alice: hello   world']);
    expect(alice).toEqual(['from alice: hello   world']);
  });

  it('reaches a dest that is named twice once', async () => {
    const { alice, bob } = await after('bob, bob,bob ,alice, alice: once\n');
    expect(bob).toEqual(['from alice: once']);
    expect(alice).toEqual(['from alice: once']);
  });

  it('may go to oneself', async () => {
    expect((await after('alice: note to self\n')).alice).toEqual(['from alice: note to self']);
  });

  it('may be empty', async () => {
    expect((await after('bob:\nbob:  \t\n')).bob).toEqual(['from alice: ', 'from alice: ']);
  });

  it('begins behind the first colon, whatever colons follow', async () => {
    expect((await after('bob: a:b: c, alice: d\n')).bob).toEqual(['from alice: a:b: c, alice: d']);
  });

  it('reaches the dests that are here when others of them are not', async () => {
    const { alice, bob } = await after('carol, bob, dave: anyone?\n');
    expect(bob).toEqual(['from alice: anyone?']);
    expect(alice).toEqual([
      expect.stringMatching(refusal('not-connected', 'carol')),
      expect.stringMatching(refusal('not-connected', 'dave')),
    ]);
  });

  it('has its own error for each line that misses its dest', async () => {
    const { alice } = await after('carol: one\ncarol: two\n');
    expect(alice).toHaveLength(2);
    for (const line of alice) expect(line).toMatch(refusal('not-connected', 'carol'));
  });

  it('passes over an empty place in the list of dests', async () => {
    const { alice, bob } = await after(',bob, ,: hi\n');
    expect(bob).toEqual(['from alice: hi']);
    expect(alice).toEqual([]);
  });

  it('arrives in the order it was written, whoever else is written to in between', async () => {
    const { alice, bob } = await after(
      'bob: 1\nbob: 2\nalice: 3\nbob,alice: 4\ncarol, bob: 5\n/ping 6\nbob: 7\n',
    );
    expect(bob).toEqual([1, 2, 4, 5, 7].map((n) => `from alice: ${n}`));
    expect(alice).toEqual([
      'from alice: 3',
      'from alice: 4',
      expect.stringMatching(refusal('not-connected', 'carol')),
      '* pong 6',
    ]);
  });

  it('goes to the very name: names are case-sensitive', async () => {
    const server = await Server.start();
    const [lower, upper] = await server.logins('bob', 'Bob');
    const text = await server.converse('alice\nBob: capital\nBOB: none\n');
    expect(text.split('\n')[1]).toMatch(refusal('not-connected', 'BOB'));
    await upper.heard('from alice: capital\n');
    await lower.settled();
    expect(lower.text).not.toContain('capital');
  });

  it('goes to who has the name now, not to who had it when the sender last wrote there', async () => {
    const server = await Server.start();
    const [alice, first] = await server.logins('alice', 'bob');
    alice.send('bob: one\n');
    await first.heard('from alice: one\n');
    await first.quit();
    alice.send('bob: nobody\n');
    await alice.heard('! not-connected bob: ');
    const second = await server.login('bob');
    alice.send('bob: two\n');
    await second.heard('from alice: two\n');
    expect(second.text).toBe('* welcome bob\nfrom alice: two\n');
    expect(first.text).not.toContain('two');
  });
});

describe('a line that is no message', () => {
  it.each(['hello', ': text', '   : text', ':', ' , ,: text', '#bob', 'who'])(
    'is refused for want of a recipient: %j',
    async (line) => {
      const server = await Server.start();
      const lines = (await server.converse(`alice\n${line}\nalice: on we go\n`)).split('\n');
      expect(lines).toEqual([
        '* welcome alice',
        expect.stringMatching(refusal('no-recipient')),
        'from alice: on we go',
        '* closing eof: accepted 1, delivered 1',
        '',
      ]);
    },
  );

  it.each(['', ' ', '\t', '\r', ' \t \r'])('is nothing when it is empty: %j', async (line) => {
    const server = await Server.start();
    expect(await server.converse(`${line}\nalice\n${line}\n${line}\nalice: on we go\n`)).toBe(
      '* welcome alice\nfrom alice: on we go\n* closing eof: accepted 1, delivered 1\n',
    );
  });
});

describe('a command', () => {
  it('/who lists who is here in the order of login', async () => {
    const server = await Server.start();
    const [zoe, bob] = await server.logins('zoe', 'bob');
    server.connect();
    await server.login('Ann');
    zoe.send('/who\n');
    await zoe.heard('* who 3: zoe, bob, Ann\n');
    await bob.quit();
    zoe.send('/who\n');
    await zoe.heard('* who 2: zoe, Ann\n');
    await server.login('bob');
    zoe.send(' /who \r\n');
    await zoe.heard('* who 3: zoe, Ann, bob\n');
  });

  it('/ping is answered with its text', async () => {
    const server = await Server.start();
    const text = await server.converse('alice\n/ping\n/ping   a: b,  c  \n/ping\tä\n');
    expect(text.split('\n').slice(1, -2)).toEqual(['* pong', '* pong a: b,  c', '* pong ä']);
  });

  it('/help names every command, a line each', async () => {
    const server = await Server.start();
    const lines = (await server.converse('alice\n/help\n')).split('\n').slice(1, -2);
    for (const line of lines) expect(line).toMatch(/^\* help \S/);
    for (const command of ['/who', '/ping', '/help', '/quit']) {
      expect(lines.filter((line) => line.startsWith(`* help ${command} `))).toHaveLength(1);
    }
  });

  it.each([
    ['/nonsense', '/nonsense'],
    ['/nonsense with text: and colon', '/nonsense'],
    ['/WHO', '/WHO'],
    ['/', '/'],
    ['/whoever', '/whoever'],
  ])('that the server does not know is refused: %j', async (line, subject) => {
    const server = await Server.start();
    const lines = (await server.converse(`alice\n${line}\n/ping\n`)).split('\n');
    expect(lines).toEqual([
      '* welcome alice',
      expect.stringMatching(refusal('unknown-command', subject)),
      '* pong',
      '* closing eof: accepted 0, delivered 0',
      '',
    ]);
  });

  it('is what a line that begins with a slash asks for, even with a colon in it', async () => {
    const server = await Server.start();
    const [, line, pong] = (await server.converse('alice\n/alice: hi\n/ping\n')).split('\n');
    expect(line).toMatch(/^! unknown-command \/alice/);
    expect(pong).toBe('* pong');
  });

  it('is none before the login', async () => {
    const server = await Server.start();
    const [refused, welcome] = (await server.converse('/who\nalice\n')).split('\n');
    expect(refused).toMatch(refusal('name-invalid', '/who'));
    expect(welcome).toBe('* welcome alice');
  });
});

describe('/quit', () => {
  it('closes after what is pending, and lines behind it in the same write have no effect', async () => {
    const server = await Server.start();
    const bob = await server.login('bob');
    const alice = server.connect();
    alice.send('alice\nalice: one\nbob, alice: two\n/quit\nalice: three\nbob: three\n/ping\nnonsense\n');
    expect(await alice.whole()).toBe(
      '* welcome alice\nfrom alice: one\nfrom alice: two\n* closing quit: accepted 2, delivered 2\n',
    );
    await bob.settled();
    expect(bob.text).not.toContain('three');
  });

  it('makes lines that come later have no effect', async () => {
    const server = await Server.start();
    const [bob, alice] = await server.logins('bob', 'alice');
    const farewell = await alice.quit();
    alice.send('bob: late\n/ping\n');
    alice.end();
    // The server closes its end when it has read all of this one's input.
    await until(() => alice.closed, 'the connection to close');
    await bob.settled();
    expect(bob.text).not.toContain('late');
    expect(alice.text).toBe(farewell);
    expect(farewell).toBe('* welcome alice\n* closing quit: accepted 0, delivered 0\n');
  });

  it('delivers a backlog that its peer had not read, and loses nothing that was sent there', async () => {
    const server = await Server.start();
    const [alice, carol, bob] = await server.logins('alice', 'carol', 'bob');
    alice.socket.pause();
    const total = 3000;
    const payload = 'x'.repeat(4000);
    let input = 'carol: begun\n';
    for (let n = 1; n <= total; n += 1) input += `alice: ${n} ${payload}\n`;
    bob.send(input);
    await carol.heard('from bob: begun\n');
    alice.send('/quit\n');
    await until(() => {
      carol.send('/who\n');
      return carol.text.includes('* who 2: carol, bob\n');
    }, 'alice to be gone');
    alice.socket.resume();
    bob.send('/quit\n');

    const got = (await alice.whole()).split('\n').slice(1, -2);
    const missed = (await bob.whole())
      .split('\n')
      .filter((line) => line.startsWith('! not-connected alice: '));
    expect(alice.lines.at(-1)).toBe(`* closing quit: accepted 0, delivered ${got.length}`);
    expect(got.length).toBeGreaterThan(0);
    expect(got.every((line, index) => line === `from bob: ${index + 1} ${payload}`)).toBe(true);
    expect(got.length + missed.length).toBe(total);
    expect(bob.lines.at(-1)).toBe(`* closing quit: accepted ${total + 1}, delivered 0`);
  });
});

describe('the counts of the closing line', () => {
  const input =
    'early: bird\nalice\n' +
    'bob: 1\nbob, alice: 2\ncarol: 3\nbob:\n' +
    'nonsense\n: nobody\n/who\n/x: y\n\n';

  it('are of the message lines taken and the messages written, at the end of the input', async () => {
    const server = await Server.start();
    const bob = await server.login('bob');
    const text = await server.converse(input);
    expect(text).toMatch(/\n\* closing eof: accepted 4, delivered 1\n$/);
    bob.end();
    expect(await bob.whole()).toMatch(/\n\* closing eof: accepted 0, delivered 3\n$/);
  });

  it('are the same after /quit', async () => {
    const server = await Server.start();
    const bob = await server.login('bob');
    const text = await server.converse(`${input}/quit\nbob: late\n`);
    expect(text).toMatch(/\n\* closing quit: accepted 4, delivered 1\n$/);
    expect(await bob.quit()).toMatch(/\n\* closing quit: accepted 0, delivered 3\n$/);
  });

  it('are told to the operator where a reset leaves nobody to read them', async () => {
    const server = await Server.start();
    await server.login('bob');
    const alice = server.connect();
    alice.send(input);
    await alice.settled();
    alice.reset();
    expect(await server.told('left')).toMatchObject({
      name: 'alice',
      reason: 'reset',
      accepted: 4,
      delivered: 1,
      abandoned: 0,
    });
  });
});

describe('a first line of HTTP, or of another protocol,', () => {
  it.each([
    'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 12\r\n\r\nalice\nalice: hi\n',
    'GET /?q=a HTTP/1.0\n\n',
    'OPTIONS * HTTP/1.1\r\n\r\n',
    'GET http://localhost:8080/ HTTP/1.1\r\n\r\n',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    'PROXY TCP4 192.0.2.1 192.0.2.2 51000 8080\r\nalice\nalice: hi\n',
    'PROXY TCP6 2001:db8::1 2001:db8::2 51000 8080\r\nalice\n',
    'PROXY UNKNOWN\r\nalice\n',
    'SSH-2.0-OpenSSH_9.6\r\n',
    '\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x7f\0\0\x01\x7f\0\0\x01\0\n\0\nalice\n',
  ])('ends the connection without a login: %j', async (request) => {
    const server = await Server.start();
    const browser = server.connect();
    browser.send(request);
    await expectTurnedAway(server, browser, 'not-chat');
    browser.end();
    expect(await server.told('left')).toMatchObject({ name: undefined, reason: 'not-chat' });
    expect(server.all('joined')).toEqual([]);
  });

  it('is not seen in a name that merely looks like a method', async () => {
    const server = await Server.start();
    expect(await server.converse('POST\n')).toMatch(/^\* welcome POST\n/);
    expect(await server.converse('GET HTTP\n')).toMatch(/^\* welcome GET HTTP\n/);
    for (const name of ['PROXY', 'PROXY TCP', 'proxy', 'SSH', 'QUIT'])
      expect(await server.converse(`${name}\n`)).toMatch(`* welcome ${name}\n`);
  });

  it('is not seen in empty lines before a login, nor in nothing else than those', async () => {
    const server = await Server.start();
    expect(await server.converse('\r\n\r\nalice\r\n')).toMatch(/^\* welcome alice\n/);
    expect(await server.converse('\r\n', '\r', '\n', 'alice\r\n')).toMatch(/^\* welcome alice\n/);
    expect(await server.converse('\r\n\r\n')).toBe('* closing eof: accepted 0, delivered 0\n');
  });

  it('has a like in the first bytes of TLS', async () => {
    const server = await Server.start();
    const browser = server.connect();
    browser.send(Buffer.from([0x16, 0x03, 0x01, 0x00, 0x05, 0x01, 0x00, 0x0a, 0x61, 0x0a]));
    await expectTurnedAway(server, browser, 'not-chat');
  });

  it('is a line like any other once logged in', async () => {
    const server = await Server.start();
    const lines = (await server.converse('alice\nGET / HTTP/1.1\n/ping\n')).split('\n');
    expect(lines[1]).toMatch(refusal('no-recipient'));
    expect(lines[2]).toBe('* pong');
  });
});

describe('a name that is taken', () => {
  it('is refused, and another may be tried', async () => {
    const server = await Server.start();
    const first = await server.login('alice');
    const second = server.connect();
    second.send('alice\n alice \nalice2\nalice: hi\n');
    await first.heard('from alice2: hi\n');
    expect(second.lines).toEqual([
      expect.stringMatching(refusal('name-taken', 'alice')),
      expect.stringMatching(refusal('name-taken', 'alice')),
      '* welcome alice2',
    ]);
    expect(first.text).toBe('* welcome alice\nfrom alice2: hi\n');
  });

  it('is free again once its session is closing, though its peer has not hung up', async () => {
    const server = await Server.start({ lingerTimeout: 60_000 });
    for (const reason of ['quit', 'eof']) {
      const first = await server.login('alice');
      if (reason === 'quit') first.send('/quit\n');
      else first.end();
      await first.heard(`* closing ${reason}: `);
      const second = server.connect();
      second.send('alice\n/quit\n');
      expect(await second.whole()).toMatch(/^\* welcome alice\n/);
    }
  });

  it('is free again right after a reset', async () => {
    const server = await Server.start({ lingerTimeout: 60_000 });
    const [first, second] = await server.logins('alice', 'bob');
    first.reset();
    await until(() => first.closed, 'the reset');
    second.send('alice: still there?\n');
    await second.settled();
    const third = server.connect();
    third.send('alice\n');
    await third.heard('\n');
    expect(third.text).toBe('* welcome alice\n');
  });

  it('may be tried again by who was refused it', async () => {
    const server = await Server.start();
    const first = await server.login('alice');
    const second = server.connect();
    second.send('alice\n');
    await second.heard('! name-taken alice: ');
    await first.quit();
    second.send('alice\n');
    await second.heard('* welcome alice\n');
  });
});

describe('a refused login', () => {
  it('makes the next line another try, whatever it looks like', async () => {
    const server = await Server.start();
    const bob = await server.login('bob');
    const lines = (await server.converse('a,b\nbob: hi\n/quit\nbob\n\nalice\n')).split('\n');
    expect(lines).toEqual([
      expect.stringMatching(refusal('name-invalid', 'a,b')),
      expect.stringMatching(refusal('name-invalid', 'bob: hi')),
      expect.stringMatching(refusal('name-invalid', '/quit')),
      expect.stringMatching(refusal('name-taken', 'bob')),
      '* welcome alice',
      '* closing eof: accepted 0, delivered 0',
      '',
    ]);
    await bob.settled();
    expect(bob.text).not.toContain('hi');
  });

  it('need not be followed by one that is accepted', async () => {
    const server = await Server.start();
    const lines = (await server.converse('a,b\n')).split('\n');
    expect(lines).toEqual([
      expect.stringMatching(refusal('name-invalid', 'a,b')),
      '* closing eof: accepted 0, delivered 0',
      '',
    ]);
  });
});

describe('a plain server', () => {
  it('sends from lines alone, byte for byte', async () => {
    const server = await Server.start({ plain: true, maxLine: 100 });
    const [alice, bob] = await server.logins('alice', 'bob');
    alice.send('bob: hällo\r\nbob, alice, carol: hi: all \nnonsense\n/nonsense\n/who\n/ping\n/help\n');
    alice.send(`: x\n\nbob: ${'x'.repeat(100)}\nbob:\nalice: \u{1f642}\n/quit\nbob: late\n`);
    expect(await alice.whole()).toBe('from alice: hi: all\nfrom alice: \u{1f642}\n');
    bob.end();
    expect(await bob.whole()).toBe('from alice: hällo\nfrom alice: hi: all\nfrom alice: \n');
  });

  it('refuses a login without a word, and takes another try', async () => {
    const server = await Server.start({ plain: true });
    await server.login('alice');
    const second = server.connect();
    second.send('alice\na,b\nbob\nbob: me\n');
    second.end();
    expect(await second.whole()).toBe('from bob: me\n');
    expect(server.all('refused').map(({ code }) => code)).toEqual(['name-taken', 'name-invalid']);
  });

  it('ends without a word too', async () => {
    const shutdown$ = new Subject<string>();
    const server = await Server.start({ plain: true, maxConnections: 1, shutdown$ });
    const alice = await server.login('alice');
    expect(await server.converse('bob\n')).toBe('');
    shutdown$.next('now');
    expect(await alice.whole()).toBe('');
    alice.end();
    await server.drained();
  });
});
