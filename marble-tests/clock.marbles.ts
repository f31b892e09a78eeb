import { WrongLogins } from '../lib/admission/wrong-logins.ts';
import { it } from './support/it.ts';

const HOUR = 60 * 60 * 1000;

/** Sets the clock of the machine on, or back, from then on. */
function setClock(by: number): void {
  const now = Date.now();
  jest.spyOn(Date, 'now').mockImplementation(() => now + by);
}

afterEach(() => {
  jest.restoreAllMocks();
});

describe.each([
  ['set on', HOUR],
  ['set back', -HOUR],
])('When the clock of the machine is %s by an hour', (_way, by) => {
  it('nobody is idle for it, and nobody is less idle', ({ hot, reader }) => {
    const chunks = '    ---x------';
    const clock$ = hot('----c-----');
    const events = '    o--x----(I|)';

    const { expectEvents } = reader(chunks, { x: 'x\n' }, { idleTimeout: 5 });
    clock$.subscribe(() => {
      setClock(by);
    });
    expectEvents(events, { o: 'opened', x: 'x\n', I: 'ended idle' });
  });

  it('nobody may say more than before, or less', ({ hot, reader }) => {
    const chunks = '    x--';
    const clock$ = hot('-c--');
    const run = '       ^ 1500ms !';
    const events = '    (ox) 496ms c 499ms d';

    const { expectEvents } = reader(chunks, { x: 'a\nb\nc\nd\n' }, { maxRate: 2 });
    clock$.subscribe(() => {
      setClock(by);
    });
    expectEvents(events, { o: 'opened', x: 'a\nb\n', c: 'c\n', d: 'd\n' }, run);
  });

  globalThis.it('wrong logins are forgotten no sooner, and no later', () => {
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
