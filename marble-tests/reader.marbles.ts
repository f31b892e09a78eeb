import { Subject, tap } from 'rxjs';
import type { Session } from '../lib/model/session.ts';
import { it } from './support/it.ts';

/** What the reader still hears from the socket, but for what is thrown away. */
function ears({ socket }: Session): number {
  const heard = socket.listeners('data').filter(({ name }) => name !== 'throwAway');
  return heard.length + socket.listenerCount('end');
}

describe('A reader', () => {
  it('tells of the opening, of whole lines, and of the end of file after the last of them', ({
    reader,
    flush,
  }) => {
    const chunks = '-xyz--|';
    const events = 'ox-z--(wE|)';

    const values = { x: 'alice\nbob', y: ': h', z: 'i\nbob: bye' };
    const { session, expectEvents } = reader(chunks, values);
    const before = ears(session);
    expectEvents(events, { o: 'opened', x: 'alice\n', z: 'bob: hi\n', w: 'bob: bye\n', E: 'ended eof' });
    flush();
    expect(ears(session)).toBe(before);
  });

  it('passes the bytes of a line on as they are', ({ reader }) => {
    const chunks = '-x-';
    const run = '   ^-!';
    const events = 'ox-';

    const { expectEvents } = reader(chunks, { x: 'é\u{1f600}\n' });
    expectEvents(events, { o: 'opened', x: '\xc3\xa9\xf0\x9f\x98\x80\n' }, run);
  });

  it('tells of a line over the limit, and goes on after it', ({ reader }) => {
    const chunks = '-x-y-';
    const run = '   ^---!';
    const events = 'ox-y-';

    const { expectEvents } = reader(chunks, { x: 'a line too long\n', y: 'alice\n' }, { maxLine: 10 });
    expectEvents(events, { o: 'opened', x: 'overlong', y: 'alice\n' }, run);
  });

  it('ends with a connection that breaks, without the line that it broke', ({ reader, flush }) => {
    const chunks = '-x--#';
    const events = 'ox--(R|)';

    const { session, expectEvents } = reader(chunks, { x: 'alice\nbob: h' });
    expectEvents(events, { o: 'opened', x: 'alice\n', R: 'ended reset' });
    flush();
    expect(ears(session)).toBe(0);
  });

  it('ends when no name came in time, whatever else did', ({ reader, flush }) => {
    const chunks = '--x----y-';
    const events = 'o-x--(T|)';

    const { session, expectEvents } = reader(chunks, { x: '\n', y: 'alice\n' }, { loginTimeout: 5 });
    expectEvents(events, { o: 'opened', x: '\n', T: 'ended login-timeout' });
    flush();
    expect(ears(session)).toBe(0);
  });

  it('waits for ever once there is a name', ({ hot, reader }) => {
    const chunks = '    -x----- 1m -z';
    const login$ = hot('-n-----');
    const events = '    ox----- 1m -z';

    const values = { x: 'alice\n', z: 'bob: hi\n' };
    const { session, expectEvents } = reader(chunks, values, { loginTimeout: 5 });
    login$.subscribe(() => {
      session.name = 'alice';
    });
    expectEvents(events, { ...values, o: 'opened' });
  });

  it('ends when its session is dismissed', ({ hot, reader, flush }) => {
    const chunks = '      -x----y-';
    const dismiss$ = hot('---d----');
    const events = '      ox-(S|)-';

    const { session, expectEvents } = reader(chunks, { x: 'alice\n', y: 'bob: hi\n' });
    dismiss$.subscribe(() => {
      session.dismiss('slow-consumer');
    });
    expectEvents(events, { o: 'opened', x: 'alice\n', S: 'ended slow-consumer' });
    flush();
    expect(ears(session)).toBe(0);
  });

  it('ends after the event in which its session was dismissed, in the same frame', ({
    reader,
    expectObservable,
    flush,
  }) => {
    const chunks = '-x----';
    const events = 'o(xQ|)';

    const steps: string[] = [];
    const { session, events$ } = reader(chunks, { x: '/quit\n' });
    const handled$ = events$.pipe(
      tap((event) => {
        steps.push(`begin ${event.trim()}`);
        if (event === '/quit\n') session.dismiss('quit');
        steps.push(`end ${event.trim()}`);
      }),
    );
    expectObservable(handled$).toBe(events, { o: 'opened', x: '/quit\n', Q: 'ended quit' });
    flush();
    expect(steps.slice(2)).toEqual(['begin /quit', 'end /quit', 'begin ended quit', 'end ended quit']);
  });

  it('that is unsubscribed says nothing more, not even that it ended, and hears nothing', ({
    reader,
    flush,
  }) => {
    const chunks = '-x----y-|';
    const run = '   ^---!----';
    const events = 'ox-------';

    const { session, expectEvents } = reader(chunks, { x: 'alice\nbob: h', y: 'i\n' });
    const before = ears(session);
    expectEvents(events, { o: 'opened', x: 'alice\n' }, run);
    flush();
    expect(ears(session)).toBe(before);
  });
});

describe('What a peer sends after its reader', () => {
  for (const [end, chunks, run, discarding] of [
    ['ended with the input', '-x-|--', '^-----', '---d--'],
    ['ended with a reset', '  -x-#--', '^-----', '---d--'],
    ['was unsubscribed', '    -x----', '^--!--', '---d--'],
    ['timed out', '           ------', '^-----', '----d-'],
  ] as const) {
    it(`${end} is read and thrown away`, ({ reader, expectObservable }) => {
      const discards$ = new Subject<string>();
      const { session, events$ } = reader(chunks, { x: 'alice\n' }, { loginTimeout: 4 });
      jest.spyOn(session, 'discard').mockImplementation(() => {
        discards$.next('d');
      });
      // An expectation without diagrams is what subscribes within `run`.
      expectObservable(events$, run);
      expectObservable(discards$).toBe(discarding);
    });
  }
});
