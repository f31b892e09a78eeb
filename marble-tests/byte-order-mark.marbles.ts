import { it } from './support/it.ts';
import { linesOfText } from './support/texts.ts';

const MARK = '\xef\xbb\xbf';

describe('A byte order mark', () => {
  it('is dropped before the first line, and only there', ({ hot, expectObservable, expectSubscriptions }) => {
    const chunks$ = hot(' -ab-|', { a: `${MARK}one\n${MARK}two\n`, b: `${MARK}three\n` });
    const blocks = '      -ab-|';
    const subscription = '^---!';

    expectObservable(chunks$.pipe(linesOfText(10))).toBe(blocks, {
      a: `one\n${MARK}two\n`,
      b: `${MARK}three\n`,
    });
    expectSubscriptions(chunks$.subscriptions).toBe(subscription);
  });

  it('is dropped though it comes byte by byte', ({ hot, expectObservable, expectSubscriptions }) => {
    const chunks$ = hot(' abcd-|', { a: '\xef', b: '\xbb', c: '\xbf', d: 'one\n' });
    const blocks = '      ---d-|';
    const subscription = '^----!';

    expectObservable(chunks$.pipe(linesOfText(10))).toBe(blocks, { d: 'one\n' });
    expectSubscriptions(chunks$.subscriptions).toBe(subscription);
  });
});
