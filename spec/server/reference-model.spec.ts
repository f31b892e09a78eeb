import fc from '../support/random.ts';
import { PassThrough } from 'node:stream';
import { Subject, endWith, map } from 'rxjs';
import { broker } from '../../lib/broker/broker.ts';
import type { SessionEvent } from '../../lib/model/events.ts';
import { lines, overlong } from '../../lib/readers/lines.ts';
import { chatServer } from '../../lib/server.ts';
import { Session } from '../../lib/model/session.ts';
import { Model, type ModelOptions, ModelPeer, withoutWording } from '../support/model.ts';
import { Peer } from '../support/peer.ts';
import { until } from '../support/until.ts';

/** One chunk of one peer, or the end of its input. */
interface Step {
  readonly peer: number;
  readonly chunk: Buffer;
  readonly end: boolean;
}

interface Play {
  readonly peers: number;
  readonly steps: readonly Step[];
}

const MANY_RUNS = 1000;
const SOCKET_RUNS = 40;

const ROOMY = 65_536;
const TIGHT = 40;

const NAMES = ['alice', 'bob', 'carol', 'Zoë', 'Zoe\u0308', 'zoe\u0308', 'a b', '😀', 'x'.repeat(64)];
/** Names that look like one of those, or like each other. */
const LOOKALIKES = [
  '\u0430lice',
  'aIice',
  'al\u0456ce',
  'b\u03bfb',
  'c\u0430r\u03bfl',
  'Z\u03bf\u00eb',
  'a\u00a0b',
];
const SPACE = fc.constantFrom('', '', ' ', '  ', '\t', '\u00a0');

const utf8 = (text: fc.Arbitrary<string>) => text.map((given) => Buffer.from(given));

const name = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom(...NAMES) },
  { weight: 4, arbitrary: fc.constantFrom(...LOOKALIKES) },
  { weight: 1, arbitrary: fc.string({ unit: 'grapheme', maxLength: 8 }) },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      ...[
        'a,b',
        '/alice',
        '#x',
        '*',
        '!',
        '@me',
        'a\u200bb',
        'a\x1bb',
        'a\u2028b',
        'y'.repeat(65),
        'é'.repeat(33),
      ],
    ),
  },
);

const login = utf8(fc.tuple(SPACE, name, SPACE).map((parts) => parts.join('')));

const body = fc.oneof(
  { weight: 6, arbitrary: utf8(fc.string({ maxLength: 12 })) },
  { weight: 2, arbitrary: utf8(fc.string({ unit: 'grapheme', maxLength: 8 })) },
  { weight: 2, arbitrary: utf8(fc.string({ unit: 'binary', maxLength: 8 })) },
  {
    weight: 1,
    arbitrary: utf8(
      fc.constantFrom('\x1b[2J', '\r', 'a\rb', '\x00', '\x7f', '\x85x\x85', 'a: b', '\u{1f600}'),
    ),
  },
  // Cut, overlong, lone and impossible sequences.
  {
    weight: 2,
    arbitrary: fc
      .array(
        fc.constantFrom(0x80, 0xbf, 0xc0, 0xc3, 0xa9, 0xe2, 0x82, 0xac, 0xed, 0xa0, 0xf0, 0x9f, 0xfe, 0x41),
        {
          maxLength: 8,
        },
      )
      .map((bytes) => Buffer.from(bytes)),
  },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 10 }).map((bytes) => Buffer.from(bytes)) },
);

const heading = utf8(
  fc
    .array(
      fc.tuple(
        SPACE,
        fc.oneof({ weight: 12, arbitrary: name }, { weight: 1, arbitrary: fc.constant('') }),
        SPACE,
      ),
      { minLength: 1, maxLength: 3 },
    )
    .map((dests) => `${dests.map((parts) => parts.join('')).join(',')}:`),
);

/** Several messages in a row to the same dests, as whoever pipes a file sends them. */
const run = fc
  .tuple(heading, fc.array(body, { minLength: 1, maxLength: 4 }))
  .map(([head, bodies]) => bodies.map((text) => Buffer.concat([head, text])));

const command = utf8(
  fc.constantFrom(
    ...[
      '/who',
      '/who ',
      '/ping',
      '/ping a: b',
      ' /ping  two  words ',
      '/ping \x1b[2J\x07x',
      '/ping\x0bx',
      '/p\x7f',
      '/nope',
      '/',
      '/Who',
      '/quit',
    ],
  ),
);

const line: fc.Arbitrary<Buffer[]> = fc.oneof(
  { weight: 10, arbitrary: run },
  { weight: 2, arbitrary: login.map((text) => [text]) },
  { weight: 3, arbitrary: command.map((text) => [text]) },
  {
    weight: 1,
    arbitrary: utf8(fc.constantFrom('', ' ', '\t', '\u3000', ':', ' : x', ',,: x')).map((text) => [text]),
  },
  { weight: 1, arbitrary: body.map((text) => [text]) },
);

/** One peer's input: most log in first, few speak HTTP. */
const input = fc
  .record({
    mark: fc.constantFrom('', '', '', '\ufeff'),
    first: fc.oneof(
      { weight: 20, arbitrary: login },
      { weight: 1, arbitrary: utf8(fc.constantFrom('GET / HTTP/1.1', 'GET / HTTP', 'get / HTTP/1.1')) },
    ),
    rest: fc.array(line, { maxLength: 10 }),
    newline: fc.constantFrom('\n', '\r\n'),
    unfinished: body,
  })
  .map(({ mark, first, rest, newline, unfinished }) =>
    Buffer.concat([
      Buffer.from(mark),
      ...[first, ...rest.flat()].flatMap((text) => [text, Buffer.from(newline)]),
      unfinished,
    ]),
  );

/**
 * The inputs of a few peers, cut anywhere, in any order; some end, the others are there until the shutdown.
 */
const plays: fc.Arbitrary<Play> = fc
  .record({
    inputs: fc.array(input, { minLength: 1, maxLength: 4 }),
    sizes: fc.array(fc.oneof(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 300 })), {
      minLength: 1,
      maxLength: 40,
    }),
    turns: fc.array(fc.nat(3), { minLength: 1, maxLength: 40 }),
    ends: fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }),
  })
  .map(({ inputs, sizes, turns, ends }) => {
    const left = inputs.map((bytes, peer) => ({ peer, bytes }));
    const steps: Step[] = [];
    for (let turn = 0; left.length > 0; turn += 1) {
      const at = (turns[turn % turns.length] ?? 0) % left.length;
      const next = left[at];
      if (next === undefined) break;
      const size = sizes[turn % sizes.length] ?? 1;
      const chunk = next.bytes.subarray(0, size);
      next.bytes = next.bytes.subarray(size);
      const done = next.bytes.length === 0;
      if (done) left.splice(at, 1);
      steps.push({ peer: next.peer, chunk, end: done && ends[next.peer] === true });
    }
    return { peers: inputs.length, steps };
  });

const options: fc.Arbitrary<ModelOptions> = fc.record({
  maxLine: fc.constantFrom(ROOMY, ROOMY, TIGHT),
  plain: fc.constantFrom(false, false, false, true),
  allowControlChars: fc.boolean(),
});

function modelOf({ peers, steps }: Play, modelOptions: ModelOptions): ModelPeer[] {
  const model = new Model(modelOptions);
  const models = Array.from({ length: peers }, () => new ModelPeer());
  for (const step of steps) play(model, models, step);
  model.shutdown(models);
  return models;
}

function play(model: Model, models: readonly ModelPeer[], { peer, chunk, end }: Step): void {
  const actor = models[peer];
  if (actor === undefined) throw new Error(`no peer ${peer}`);
  model.receive(actor, chunk);
  if (end) model.end(actor);
}

/** Plays without sockets; what a writer does with the deliveries, count and close, is done here. */
function playDirectly({ peers, steps }: Play, { maxLine, plain, allowControlChars }: ModelOptions): Buffer[] {
  const events$ = new Subject<SessionEvent>();
  const sent = new Map<Session, Buffer[]>();
  const open = new Set<Session>();
  const close = (session: Session, reason: string) => {
    open.delete(session);
    const { accepted, delivered } = session;
    const closing = plain ? '' : `* closing ${reason}: accepted ${accepted}, delivered ${delivered}\n`;
    sent.get(session)?.push(Buffer.from(closing));
  };
  const settings = {
    maxLine,
    plain,
    allowControlChars,
    maxConnections: 10,
    maxConnectionsPerAddress: 0,
    maxRecipients: 1000,
    loginTimeout: 1000,
  };
  events$.pipe(broker(settings, () => {})).subscribe({
    next: ({ to, payload: { bytes, count, end } }) => {
      sent.get(to)?.push(bytes);
      to.delivered += count;
      if (end !== undefined) close(to, end);
    },
    error: (failure: unknown) => {
      throw failure;
    },
    complete: () => {
      for (const session of open) close(session, 'shutdown');
    },
  });
  const inputs = Array.from({ length: peers }, (_, index) => {
    const session = new Session(new PassThrough(), { through: String(index) });
    const chunks$ = new Subject<Buffer>();
    sent.set(session, []);
    open.add(session);
    events$.next({ type: 'opened', session });
    chunks$
      .pipe(
        lines(maxLine),
        map((block): SessionEvent =>
          block === overlong ? { type: 'overlong', session } : { type: 'lines', session, block },
        ),
        endWith<SessionEvent>({ type: 'ended', session, reason: 'eof' }),
      )
      .subscribe((event) => {
        events$.next(event);
      });
    return chunks$;
  });
  for (const { peer, chunk, end } of steps) {
    if (chunk.length > 0) inputs[peer]?.next(chunk);
    if (end) inputs[peer]?.complete();
  }
  events$.complete();
  return Array.from(sent.values(), (parts) => Buffer.concat(parts));
}

/** The lines of a transcript, which must be valid UTF-8 and end with a newline. */
function linesOf(bytes: Buffer): string[] {
  const text = bytes.toString();
  expect(Buffer.from(text).equals(bytes)).toBe(true);
  expect(text === '' || text.endsWith('\n')).toBe(true);
  return text.split('\n').slice(0, -1);
}

/**
 * When an over-long line is told of is the server's choice, how often is not: those lines are taken out and
 * counted.
 */
function overlongApart(transcript: readonly string[]): { rest: string[]; overlongs: number } {
  const rest = transcript.filter((one) => !one.startsWith('! line-too-long '));
  return { rest, overlongs: transcript.length - rest.length };
}

test('what every peer is sent is what the model says, for whatever is said in whatever pieces', () => {
  fc.assert(
    fc.property(plays, options, (given, modelOptions) => {
      const models = modelOf(given, modelOptions);
      const transcripts = playDirectly(given, modelOptions);
      for (const [index, { transcript }] of models.entries()) {
        const came = overlongApart(linesOf(transcripts[index] ?? Buffer.alloc(0)));
        const expected = overlongApart(transcript);
        expect(withoutWording(came.rest, expected.rest)).toEqual(expected.rest);
        expect(came.overlongs).toBe(expected.overlongs);
      }
    }),
    { numRuns: MANY_RUNS },
  );
});

test('the model meets all that it is a model of', () => {
  const seen = new Set<string>();
  fc.assert(
    fc.property(plays, options, (given, modelOptions) => {
      for (const { transcript } of modelOf(given, modelOptions)) {
        for (const one of transcript) {
          const kind = /^(from|[*!] (closing \w+|[\w-]+))/.exec(one)?.[0] ?? one;
          seen.add(kind);
        }
      }
    }),
    { numRuns: MANY_RUNS },
  );
  expect(Array.from(seen).sort()).toEqual(
    [
      ...['from', '* welcome', '* who', '* pong'],
      ...['* closing eof', '* closing quit', '* closing shutdown', '* closing not'],
      ...['! name-invalid', '! name-taken', '! not-chat', '! not-connected', '! no-recipient'],
      ...['! unknown-command', '! line-too-long'],
    ].sort(),
  );
});

describe('over real sockets', () => {
  const opened: Peer[] = [];

  afterEach(() => {
    for (const peer of opened.splice(0)) peer.socket.destroy();
  });

  async function playOverSockets(given: Play, allowControlChars: boolean): Promise<void> {
    const shutdown$ = new Subject<void>();
    let port = 0;
    let drained = false;
    const server = chatServer({ port: 0, lingerTimeout: 50, allowControlChars, shutdown$ }).subscribe({
      next: (event) => {
        if (event.type === 'listening') port = event.port ?? 0;
      },
      complete: () => (drained = true),
    });
    try {
      await until(() => port > 0, 'the server to listen');
      const model = new Model({ maxLine: ROOMY, plain: false, allowControlChars });
      const peers = Array.from({ length: given.peers }, () => ({
        real: new Peer(port),
        model: new ModelPeer(),
      }));
      opened.push(...peers.map(({ real }) => real));
      const models = peers.map((peer) => peer.model);
      // A step shows, if it has an effect at all, in somebody's transcript: it is over when all have what
      // they should.
      const allCame = () => peers.every((peer) => peer.real.lines.length >= peer.model.transcript.length);
      const settled = async () => {
        if (!allCame()) await until(allCame, 'what the model says');
      };

      for (const step of given.steps) {
        const actor = peers[step.peer];
        if (actor === undefined || actor.model.ended) continue;
        play(model, models, step);
        actor.real.send(step.chunk);
        if (step.end) actor.real.end();
        await settled();
      }
      shutdown$.next();
      model.shutdown(models);
      for (const peer of peers) {
        await peer.real.whole();
        peer.real.end();
      }
      for (const peer of peers) {
        expect(withoutWording(peer.real.lines, peer.model.transcript)).toEqual(peer.model.transcript);
        expect(peer.real.text === '' || peer.real.text.endsWith('\n')).toBe(true);
      }
      await until(() => drained, 'the server to end');
    } finally {
      server.unsubscribe();
      for (const peer of opened.splice(0)) peer.socket.destroy();
    }
  }

  test('too, what every peer is sent is what the model says', async () => {
    await fc.assert(fc.asyncProperty(plays, fc.boolean(), playOverSockets), { numRuns: SOCKET_RUNS });
  });
});
