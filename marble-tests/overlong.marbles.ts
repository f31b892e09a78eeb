import { overlong } from '../lib/readers/lines.ts';
import { it } from './support/it.ts';
import { linesOfText } from './support/texts.ts';

describe('A line over the limit', () => {
  it('is announced in its place, and its neighbours are kept', ({
    hot,
    expectObservable,
    expectSubscriptions,
  }) => {
    const chunks$ = hot(' -c------|', { c: '12345\n123456\n12\r\n12345\r\n123456\r\n' });
    const blocks = '      -(aobo)-|';
    const subscription = '^-------!';

    expectObservable(chunks$.pipe(linesOfText(5))).toBe(blocks, {
      a: '12345\n',
      b: '12\r\n12345\r\n',
      o: overlong,
    });
    expectSubscriptions(chunks$.subscriptions).toBe(subscription);
  });

  it('is announced once however long it is dribbled, and the line after it is kept', ({
    hot,
    expectObservable,
    expectSubscriptions,
  }) => {
    const chunks$ = hot(' abcde-|', { a: '12', b: '34567', c: '890', d: '1\n', e: 'one\n' });
    const blocks = '      -o--e-|';
    const subscription = '^-----!';

    expectObservable(chunks$.pipe(linesOfText(5))).toBe(blocks, { o: overlong, e: 'one\n' });
    expectSubscriptions(chunks$.subscriptions).toBe(subscription);
  });

  it('may end, and another begin, in one chunk', ({ hot, expectObservable, expectSubscriptions }) => {
    const chunks$ = hot(' a-b---c-|', { a: '1234567', b: '8\none\n7654321', c: '0\ntwo\n' });
    const blocks = '      o-(eo)c-|';
    const subscription = '^-------!';

    expectObservable(chunks$.pipe(linesOfText(5))).toBe(blocks, { o: overlong, e: 'one\n', c: 'two\n' });
    expectSubscriptions(chunks$.subscriptions).toBe(subscription);
  });

  it('is dropped also where it ends with the source', ({ hot, expectObservable, expectSubscriptions }) => {
    const chunks$ = hot(' -ab--|', { a: 'one\n123', b: '4567' });
    const blocks = '      -ao--|';
    const subscription = '^----!';

    expectObservable(chunks$.pipe(linesOfText(5))).toBe(blocks, { a: 'one\n', o: overlong });
    expectSubscriptions(chunks$.subscriptions).toBe(subscription);
  });

  it('that is over by one byte at the end of the source is dropped then', ({
    hot,
    expectObservable,
    expectSubscriptions,
  }) => {
    const chunks$ = hot(' -ab--|', { a: '123', b: '456' });
    const blocks = '      -----(o|)';
    const subscription = '^----!';

    // Until then its last byte could have been half a line end.
    expectObservable(chunks$.pipe(linesOfText(5))).toBe(blocks, { o: overlong });
    expectSubscriptions(chunks$.subscriptions).toBe(subscription);
  });
});
