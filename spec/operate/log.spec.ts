import { PassThrough } from 'node:stream';
import { pino } from 'pino';
import type { RefusalCode, ServerEvent } from '../../lib/model/server-events.ts';
import type { AdminEvent } from '../../lib/operate/admin.ts';
import { createLog, eventLog, logEvent } from '../../lib/operate/log.ts';
import { END_REASONS, REFUSAL_CODES } from '../../lib/operate/metrics.ts';
import type { EndReason } from '../../lib/protocol/wire.ts';

type LogLine = Readonly<Record<string, unknown>>;

const EVENTS: readonly (ServerEvent | AdminEvent)[] = [
  {
    type: 'listening',
    endpoint: 'tcp://127.0.0.1:8080',
    address: '127.0.0.1',
    port: 8080,
    maxConnections: 10_000,
  },
  {
    type: 'listening',
    endpoint: 'unix:/run/a-chat.sock',
    address: '/run/a-chat.sock',
    port: undefined,
    maxConnections: 960,
  },
  { type: 'failing', message: 'accept EMFILE' },
  { type: 'reloaded', what: 'accounts' },
  { type: 'reload-failed', what: 'accounts', message: 'accounts, line 3: the same name again' },
  { type: 'admin', address: '::1', port: 9090 },
  { type: 'admin-failing', message: 'accept EMFILE' },
  { type: 'reloaded', what: 'certificates' },
  { type: 'reload-failed', what: 'certificates', message: 'key.pem: key values mismatch' },
  { type: 'refused', code: 'tls-failed', name: undefined, remote: '10.0.0.1:4', detail: 'http request' },
  { type: 'joined', name: 'alice', remote: '10.0.0.1:5' },
  { type: 'refused', code: 'name-taken', name: 'alice', remote: '10.0.0.1:6' },
  { type: 'refused', code: 'server-full', name: undefined, remote: '10.0.0.1:7' },
  {
    type: 'left',
    name: 'alice',
    remote: '10.0.0.1:5',
    reason: 'quit',
    accepted: 3,
    delivered: 2,
    abandoned: 0,
  },
  {
    type: 'left',
    name: undefined,
    remote: '10.0.0.1:8',
    reason: 'eof',
    accepted: 0,
    delivered: 0,
    abandoned: 0,
  },
  {
    type: 'left',
    name: 'bob',
    remote: '10.0.0.1:9',
    reason: 'slow-consumer',
    accepted: 0,
    delivered: 5,
    abandoned: 7,
  },
  { type: 'draining', sessions: 2, deadline: 8000 },
  {
    type: 'drained',
    report: { sessions: 2, delivered: 4, abandoned: 0, losses: [], milliseconds: 1250 },
  },
  {
    type: 'drained',
    report: {
      sessions: 2,
      delivered: 4,
      abandoned: 7,
      losses: [{ name: 'bob', remote: '10.0.0.1:9', reason: 'deadline', abandoned: 7 }],
      milliseconds: 8001,
    },
  },
];

/** The log lines of events, through the program's own log format. */
function logged(events: readonly (ServerEvent | AdminEvent)[]): Record<string, unknown>[] {
  const stream = new PassThrough();
  const log = pino({ level: 'trace', base: null, timestamp: false }, stream);
  for (const event of events) logEvent(log, event);
  const text = (stream.read() as Buffer | null)?.toString() ?? '';
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe('the log', () => {
  test('has one line for each event, with its facts as fields', () => {
    const lines = logged(EVENTS);
    expect(lines.map(({ event }) => event)).toEqual(EVENTS.map(({ type }) => type));
    const info = 30;
    const warn = 40;
    const error = 50;
    expect(lines).toEqual([
      {
        level: info,
        event: 'listening',
        endpoint: 'tcp://127.0.0.1:8080',
        address: '127.0.0.1',
        port: 8080,
        maxConnections: 10_000,
        msg: 'listening on tcp://127.0.0.1:8080, room for 10000 connections',
      },
      {
        level: info,
        event: 'listening',
        endpoint: 'unix:/run/a-chat.sock',
        address: '/run/a-chat.sock',
        maxConnections: 960,
        msg: 'listening on unix:/run/a-chat.sock, room for 960 connections',
      },
      {
        level: error,
        event: 'failing',
        message: 'accept EMFILE',
        msg: 'cannot accept connections: accept EMFILE',
      },
      { level: info, event: 'reloaded', what: 'accounts', msg: 'read the accounts again' },
      {
        level: error,
        event: 'reload-failed',
        what: 'accounts',
        message: 'accounts, line 3: the same name again',
        msg: 'kept the accounts as they were: accounts, line 3: the same name again',
      },
      {
        level: info,
        event: 'admin',
        address: '::1',
        port: 9090,
        msg: 'admin endpoint on http://[::1]:9090',
      },
      {
        level: warn,
        event: 'admin-failing',
        message: 'accept EMFILE',
        msg: 'the admin endpoint fails: accept EMFILE',
      },
      {
        level: info,
        event: 'reloaded',
        what: 'certificates',
        msg: 'read the certificates again',
      },
      {
        level: error,
        event: 'reload-failed',
        what: 'certificates',
        message: 'key.pem: key values mismatch',
        msg: 'kept the certificates as they were: key.pem: key values mismatch',
      },
      {
        level: info,
        event: 'refused',
        code: 'tls-failed',
        remote: '10.0.0.1:4',
        detail: 'http request',
        msg: 'refused 10.0.0.1:4: tls-failed http request',
      },
      {
        level: info,
        event: 'joined',
        name: 'alice',
        remote: '10.0.0.1:5',
        msg: 'alice joined from 10.0.0.1:5',
      },
      {
        level: info,
        event: 'refused',
        code: 'name-taken',
        name: 'alice',
        remote: '10.0.0.1:6',
        msg: 'refused 10.0.0.1:6: name-taken alice',
      },
      {
        level: info,
        event: 'refused',
        code: 'server-full',
        remote: '10.0.0.1:7',
        msg: 'refused 10.0.0.1:7: server-full',
      },
      {
        level: info,
        event: 'left',
        name: 'alice',
        remote: '10.0.0.1:5',
        reason: 'quit',
        accepted: 3,
        delivered: 2,
        abandoned: 0,
        msg: 'alice left from 10.0.0.1:5 (quit): accepted 3, delivered 2, abandoned 0',
      },
      expect.objectContaining({
        level: info,
        event: 'left',
        msg: expect.stringContaining('10.0.0.1:8') as string,
      }),
      expect.objectContaining({
        level: warn,
        event: 'left',
        name: 'bob',
        abandoned: 7,
        reason: 'slow-consumer',
      }),
      {
        level: info,
        event: 'draining',
        sessions: 2,
        deadline: 8,
        msg: 'draining 2 sessions, deadline in 8 s',
      },
      {
        level: info,
        event: 'drained',
        sessions: 2,
        delivered: 4,
        abandoned: 0,
        losses: [],
        seconds: 1.25,
        msg: 'drained 2 sessions in 1.25 s: delivered 4 since the signal, abandoned 0',
      },
      {
        level: error,
        event: 'drained',
        sessions: 2,
        delivered: 4,
        abandoned: 7,
        losses: [{ name: 'bob', remote: '10.0.0.1:9', reason: 'deadline', abandoned: 7 }],
        seconds: 8.001,
        msg: 'drained 2 sessions in 8.001 s: delivered 4 since the signal, abandoned 7',
      },
    ]);
  });

  test.each([
    ['auto', false],
    ['auto', true],
    ['pretty', false],
    ['json', true],
  ] as const)('as %s is silent when told to be, terminal or not (%s)', async (format, terminal) => {
    const write = jest.fn();
    const log = await createLog('silent', format, { terminal, colours: terminal }, { write });
    for (const event of EVENTS) logEvent(log, event);
    expect(log.isLevelEnabled('fatal')).toBe(false);
    expect(write).not.toHaveBeenCalled();
  });

  test.each([
    ['auto', false, false],
    ['auto', true, true],
    ['pretty', true, true],
    ['json', false, false],
  ] as const)(
    'as %s is for people where it is to be, a terminal or not (%s)',
    async (format, terminal, people) => {
      for (const colours of [false, true]) {
        const lines: string[] = [];
        const out = { write: (line: string) => lines.push(line) };
        const log = await createLog('info', format, { terminal, colours }, out);
        for (const event of EVENTS) logEvent(log, event);
        expect(lines).toHaveLength(EVENTS.length);
        for (const line of lines) {
          expect(line.startsWith('{"level"')).toBe(!people);
          expect(line.includes('\x1b[')).toBe(people && colours);
          expect(line.endsWith('\n')).toBe(true);
        }
      }
    },
  );
});

describe('events that peers can bring about', () => {
  beforeEach(() => jest.useFakeTimers());

  afterEach(() => jest.useRealTimers());

  /** The lines of `count` events of each kind, from each of the peers. */
  function lines(events: readonly ServerEvent[], count = 1): LogLine[] {
    const text: string[] = [];
    const write = eventLog(pino({ level: 'trace' }, { write: (line) => text.push(line) }));
    for (let round = 0; round < count; round += 1) for (const event of events) write(event);
    jest.advanceTimersByTime(1000);
    return text.map((line) => JSON.parse(line) as LogLine);
  }

  const left = (reason: EndReason, remote: string, abandoned = 0): ServerEvent => ({
    ...{ type: 'left', name: undefined, remote, reason, accepted: 2, delivered: 3, abandoned },
  });

  test.each(Object.keys(REFUSAL_CODES) as RefusalCode[])('are summed up when refused as %s', (code) => {
    const event: ServerEvent = { type: 'refused', code, name: undefined, remote: '10.0.0.1:5' };
    const told = lines([event], 1000);
    expect(told).toHaveLength(11);
    expect(told.at(-1)).toMatchObject({ event: 'refused', code, address: '10.0.0.1', count: 990 });
  });

  test.each(Object.keys(END_REASONS) as EndReason[])('are summed up when they end as %s', (reason) => {
    const told = lines([left(reason, '10.0.0.1:5')], 1000);
    // A shutdown ends each connection once, and each has its line.
    if (reason === 'shutdown' || reason === 'deadline') {
      expect(told).toHaveLength(1000);
      return;
    }
    expect(told).toHaveLength(11);
    const counts = { count: 990, accepted: 1980, delivered: 2970, abandoned: 0 };
    expect(told.at(-1)).toMatchObject({ event: 'left', reason, address: '10.0.0.1', ...counts });
  });

  test('are summed up when they join', () => {
    const told = lines([{ type: 'joined', name: 'alice', remote: '10.0.0.1:5' }], 1000);
    expect(told).toHaveLength(11);
    expect(told.at(-1)).toMatchObject({ event: 'joined', address: '10.0.0.1', count: 990 });
  });

  test('have their losses told, in lines of their own among others, and in the sum', () => {
    const told = lines([left('reset', '10.0.0.1:5'), left('reset', '10.0.0.1:6', 7)], 1000);
    expect(told).toHaveLength(22);
    const abandoned = told.reduce((sum, line) => sum + Number(line.abandoned), 0);
    expect(abandoned).toBe(7000);
    expect(told.at(-1)).toMatchObject({ level: 40, event: 'left', count: 990, abandoned: 6930 });
  });

  test.each([
    ['10.0.0.1:5', '10.0.0.1', '10.0.0.1:6'],
    ['[2001:db8::1]:5', '2001:db8:0:0::/64', '[2001:db8:0:0:ffff::2]:6'],
    ['[::ffff:10.0.0.1]:5', '10.0.0.1', '10.0.0.1:6'],
    ['unix:/run/a-chat.sock', 'unix:/run/a-chat.sock', 'unix:/run/a-chat.sock'],
  ])('of %s count for %s', (remote, address, neighbour) => {
    const told = lines([left('quit', remote), left('quit', neighbour), left('quit', '10.9.9.9:7')], 10);
    expect(told).toHaveLength(21);
    expect(told.at(-1)).toMatchObject({ address, count: 10 });
  });

  test('are few lines, from however many addresses they come', () => {
    const remotes = Array.from({ length: 5000 }, (_, n) => `10.0.${n >> 8}.${n & 255}:5`);
    const told = lines(remotes.map((remote) => left('eof', remote)));
    expect(told).toHaveLength(101);
    expect(told.at(-1)).toMatchObject({ event: 'left', count: 4900 });
    expect(told.at(-1)).not.toHaveProperty('address');
  });

  test('are told before the end', () => {
    const report = { sessions: 0, delivered: 0, abandoned: 0, losses: [], milliseconds: 1 };
    const joined: ServerEvent = { type: 'joined', name: 'alice', remote: '10.0.0.1:5' };
    const told = lines([...Array.from({ length: 20 }, () => joined), { type: 'drained', report }]);
    expect(told.slice(-2)).toMatchObject([{ event: 'joined', count: 10 }, { event: 'drained' }]);
  });
});
