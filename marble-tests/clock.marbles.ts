import { type Observable, map } from 'rxjs';
import { WrongLogins } from '../lib/admission/wrong-logins.ts';
import { reader } from '../lib/readers/reader.ts';
import type { Session } from '../lib/model/session.ts';
import { anyTime, inVirtualTime, peer } from './marbles.ts';

const limits = { maxLine: 100, loginTimeout: 60_000, idleTimeout: 0, maxRate: 0 };

const HOUR = 60 * 60 * 1000;

/** Sets the clock of the machine on, or back, from then on. */
function setClock(by: number): void {
  const now = Date.now();
  jest.spyOn(Date, 'now').mockImplementation(() => now + by);
}

afterEach(() => {
  jest.restoreAllMocks();
});

/** A stream tells of its data in real time, so here its events are made by hand. */
function feed({ socket }: Session, input$: Observable<string>): void {
  input$.subscribe((chunk) => socket.emit('data', Buffer.from(chunk)));
}

/** What a reader tells, without its opening. */
function told(session: Session, options: Partial<typeof limits>): Observable<string> {
  return reader(session, { ...limits, ...options }, anyTime).pipe(
    map((event) => {
      if (event.type === 'lines') return event.block.toString().replaceAll('\n', '');
      return event.type === 'ended' ? event.reason : event.type;
    }),
  );
}

describe.each([
  ['set on', HOUR],
  ['set back', -HOUR],
])('When the clock of the machine is %s by an hour', (_way, by) => {
  it(
    'nobody is idle for it, and nobody is less idle',
    inVirtualTime(({ hot, expectObservable }) => {
      const alice = peer('alice');
      const input$ = hot('---x------', { x: 'x\n' });
      const clock$ = hot('----c-----');
      const events = '    o--x----(e|)';
      feed(alice, input$);
      clock$.subscribe(() => {
        setClock(by);
      });
      expectObservable(told(alice, { idleTimeout: 5 })).toBe(events, { o: 'opened', x: 'x', e: 'idle' });
    }),
  );

  it(
    'nobody may say more than before, or less',
    inVirtualTime(({ hot, expectObservable }) => {
      const alice = peer('alice');
      const input$ = hot('x--', { x: 'a\nb\nc\nd\n' });
      const clock$ = hot('-c--');
      const events = '    (ox) 496ms c 499ms d';
      const run = '       ^ 1500ms !';
      feed(alice, input$);
      clock$.subscribe(() => {
        setClock(by);
      });
      expectObservable(told(alice, { maxRate: 2 }), run).toBe(events, {
        o: 'opened',
        x: 'ab',
        c: 'c',
        d: 'd',
      });
    }),
  );

  it('wrong logins are forgotten no sooner, and no later', () => {
    let now = 0;
    jest.spyOn(performance, 'now').mockImplementation(() => now);
    const attempts = new WrongLogins();
    for (let attempt = 0; attempt < 10; attempt += 1) attempts.note('192.0.2.1');
    setClock(by);
    expect(attempts.exhausted('192.0.2.1')).toBe(true);
    now += 31_000;
    expect(attempts.exhausted('192.0.2.1')).toBe(false);
  });
});
