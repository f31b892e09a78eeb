import { type Observable, Subject, map, tap } from 'rxjs';
import type { SessionEvent } from '../lib/model/events.ts';
import { reader } from '../lib/readers/reader.ts';
import type { Session } from '../lib/model/session.ts';
import { anyTime, inVirtualTime, peer } from './marbles.ts';

const limits = { maxLine: 10, loginTimeout: 100, idleTimeout: 0, maxRate: 0 };

/** A stream tells of its data in real time, so here the events of the socket are made by hand. */
function feed({ socket }: Session, input$: Observable<string>): void {
  input$.subscribe({
    next: (chunk) => socket.emit('data', Buffer.from(chunk)),
    complete: () => socket.emit('end'),
    error: () => socket.emit('close'),
  });
}

function showEvent(event: SessionEvent): string {
  if (event.type === 'lines') return event.block.toString('latin1');
  return event.type === 'ended' ? `ended ${event.reason}` : event.type;
}

/** What the reader still hears from the socket, but for what is thrown away. */
function ears({ socket }: Session): number {
  const heard = socket.listeners('data').filter(({ name }) => name !== 'throwAway');
  return heard.length + socket.listenerCount('end');
}

describe('A reader', () => {
  it(
    'tells of the opening, of whole lines, and of the end of file after the last of them',
    inVirtualTime(({ hot, expectObservable, flush }) => {
      const alice = peer('alice');
      const input$ = hot('-xyz--|', { x: 'alice\nbob', y: ': h', z: 'i\nbob: bye' });
      const events = '    ox-z--(wq|)';

      feed(alice, input$);
      const before = ears(alice);
      expectObservable(reader(alice, limits, anyTime).pipe(map(showEvent))).toBe(events, {
        o: 'opened',
        x: 'alice\n',
        z: 'bob: hi\n',
        w: 'bob: bye\n',
        q: 'ended eof',
      });
      flush();
      expect(ears(alice)).toBe(before);
    }),
  );

  it(
    'passes the bytes of a line on as they are',
    inVirtualTime(({ hot, expectObservable }) => {
      const alice = peer('alice');
      const input$ = hot('-x-', { x: 'é\u{1f600}\n' });
      const run = '       ^-!';
      const events = '    ox-';

      feed(alice, input$);
      expectObservable(reader(alice, limits, anyTime).pipe(map(showEvent)), run).toBe(events, {
        o: 'opened',
        x: '\xc3\xa9\xf0\x9f\x98\x80\n',
      });
    }),
  );

  it(
    'tells of a line over the limit, and goes on after it',
    inVirtualTime(({ hot, expectObservable }) => {
      const alice = peer('alice');
      const input$ = hot('-x-y-', { x: 'a line that is too long\n', y: 'alice\n' });
      const run = '       ^---!';
      const events = '    ox-y-';

      feed(alice, input$);
      expectObservable(reader(alice, limits, anyTime).pipe(map(showEvent)), run).toBe(events, {
        o: 'opened',
        x: 'overlong',
        y: 'alice\n',
      });
    }),
  );

  it(
    'ends with a connection that breaks, without the line that it broke',
    inVirtualTime(({ hot, expectObservable, flush }) => {
      const alice = peer('alice');
      const input$ = hot('-x--#', { x: 'alice\nbob: h' });
      const events = '    ox--(r|)';

      feed(alice, input$);
      expectObservable(reader(alice, limits, anyTime).pipe(map(showEvent))).toBe(events, {
        o: 'opened',
        x: 'alice\n',
        r: 'ended reset',
      });
      flush();
      expect(ears(alice)).toBe(0);
    }),
  );

  it(
    'ends when no name came in time, whatever else did',
    inVirtualTime(({ hot, expectObservable, flush }) => {
      const mute = peer('mute');
      const input$ = hot('--x----y-', { x: '\n', y: 'alice\n' });
      const events = '    o-x--(t|)';

      feed(mute, input$);
      expectObservable(reader(mute, { ...limits, loginTimeout: 5 }, anyTime).pipe(map(showEvent))).toBe(
        events,
        {
          o: 'opened',
          x: '\n',
          t: 'ended login-timeout',
        },
      );
      flush();
      expect(ears(mute)).toBe(0);
    }),
  );

  it(
    'waits for ever once there is a name',
    inVirtualTime(({ hot, expectObservable, expectSubscriptions }) => {
      const alice = peer('alice');
      const input$ = hot('-x----- 1m -z', { x: 'alice\n', z: 'bob: hi\n' });
      const login$ = hot('-n-----');
      const events = '    ox----- 1m -z';

      feed(alice, input$);
      login$.subscribe(() => {
        alice.name = 'alice';
      });
      expectObservable(reader(alice, { ...limits, loginTimeout: 5 }, anyTime).pipe(map(showEvent))).toBe(
        events,
        {
          o: 'opened',
          x: 'alice\n',
          z: 'bob: hi\n',
        },
      );
      expectSubscriptions(input$.subscriptions).toBe('^');
    }),
  );

  it(
    'ends when its session is dismissed',
    inVirtualTime(({ hot, expectObservable, flush }) => {
      const alice = peer('alice');
      const input$ = hot('-x----y-', { x: 'alice\n', y: 'bob: hi\n' });
      const dismiss$ = hot('---d----');
      const events = '    ox-(e|)-';

      feed(alice, input$);
      dismiss$.subscribe(() => {
        alice.dismiss('slow-consumer');
      });
      expectObservable(reader(alice, limits, anyTime).pipe(map(showEvent))).toBe(events, {
        o: 'opened',
        x: 'alice\n',
        e: 'ended slow-consumer',
      });
      flush();
      expect(ears(alice)).toBe(0);
    }),
  );

  it(
    'ends after the event in which its session was dismissed, in the same frame',
    inVirtualTime(({ hot, expectObservable, flush }) => {
      const alice = peer('alice');
      const input$ = hot('-x----', { x: '/quit\n' });
      const events = '    o(xe|)';

      feed(alice, input$);
      const steps: string[] = [];
      const handled$ = reader(alice, limits, anyTime).pipe(
        map(showEvent),
        tap((event) => {
          steps.push(`begin ${event.trim()}`);
          if (event === '/quit\n') alice.dismiss('quit');
          steps.push(`end ${event.trim()}`);
        }),
      );
      expectObservable(handled$).toBe(events, { o: 'opened', x: '/quit\n', e: 'ended quit' });
      flush();
      expect(steps.slice(2)).toEqual(['begin /quit', 'end /quit', 'begin ended quit', 'end ended quit']);
    }),
  );

  it(
    'that is unsubscribed says nothing more, not even that it ended, and hears nothing',
    inVirtualTime(({ hot, expectObservable, flush }) => {
      const alice = peer('alice');
      const input$ = hot('-x----y-|', { x: 'alice\nbob: h', y: 'i\n' });
      const run = '       ^---!----';
      const events = '    ox-------';

      feed(alice, input$);
      const before = ears(alice);
      expectObservable(reader(alice, limits, anyTime).pipe(map(showEvent)), run).toBe(events, {
        o: 'opened',
        x: 'alice\n',
      });
      flush();
      expect(ears(alice)).toBe(before);
    }),
  );
});

describe('What a peer sends after its reader', () => {
  it.each([
    ['ended with the input', '-x-|--', '^-----', '---d--'],
    ['ended with a reset', '  -x-#--', '^-----', '---d--'],
    ['was unsubscribed', '    -x----', '^--!--', '---d--'],
    ['timed out', '           ------', '^-----', '----d-'],
  ])('%s is read and thrown away', (_end, input, run, discarding) => {
    inVirtualTime(({ hot, expectObservable }) => {
      const alice = peer('alice');
      const discards$ = new Subject<string>();
      jest.spyOn(alice, 'discard').mockImplementation(() => {
        discards$.next('d');
      });
      feed(alice, hot(input, { x: 'alice\n' }));
      // An expectation without diagrams is what subscribes within `run`.
      expectObservable(reader(alice, { ...limits, loginTimeout: 4 }, anyTime), run);
      expectObservable(discards$).toBe(discarding);
    })();
  });
});
