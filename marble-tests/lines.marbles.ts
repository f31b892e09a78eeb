import { takeUntil } from 'rxjs';
import { it } from './support/it.ts';
import { linesOfText } from './support/texts.ts';

const MARK = '\xef\xbb\xbf';

describe('Lines', () => {
  it('come as blocks, each with the chunk that completed it, and one that came in parts alone', ({
    hot,
    expectObservable,
    expectSubscriptions,
  }) => {
    const chunks$ = hot(' -abcd-|', { a: 'one\ntwo\nth', b: 'ree', c: '\n', d: 'four\n' });
    const blocks = '      -a-cd-|';
    const subscription = '^-----!';

    expectObservable(chunks$.pipe(linesOfText(10))).toBe(blocks, {
      a: 'one\ntwo\n',
      c: 'three\n',
      d: 'four\n',
    });
    expectSubscriptions(chunks$.subscriptions).toBe(subscription);
  });

  it('keep their line end as it was, CRLF also where it is cut in two', ({
    hot,
    expectObservable,
    expectSubscriptions,
  }) => {
    const chunks$ = hot(' -ab-----|', { a: 'one\r\ntwo\r', b: '\nth\rree\n' });
    const blocks = '      -a(bc)--|';
    const subscription = '^-------!';

    const values = { a: 'one\r\n', b: 'two\r\n', c: 'th\rree\n' };
    expectObservable(chunks$.pipe(linesOfText(10))).toBe(blocks, values);
    expectSubscriptions(chunks$.subscriptions).toBe(subscription);
  });

  it('include a last one that ends with the source', ({ hot, expectObservable, expectSubscriptions }) => {
    const chunks$ = hot(' -ab--|', { a: 'one\ntw', b: 'o' });
    const blocks = '      -a---(b|)';
    const subscription = '^----!';

    expectObservable(chunks$.pipe(linesOfText(10))).toBe(blocks, { a: 'one\n', b: 'two\n' });
    expectSubscriptions(chunks$.subscriptions).toBe(subscription);
  });

  it('do not include a last one where the source fails', ({ hot, expectObservable, expectSubscriptions }) => {
    const chunks$ = hot(' -a--#', { a: 'one\ntwo' });
    const blocks = '      -a--#';
    const subscription = '^---!';

    expectObservable(chunks$.pipe(linesOfText(10))).toBe(blocks, { a: 'one\n' });
    expectSubscriptions(chunks$.subscriptions).toBe(subscription);
  });

  it('do not include one that a shutdown leaves unfinished', ({
    hot,
    expectObservable,
    expectSubscriptions,
  }) => {
    const chunks$ = hot(' -a----b-|', { a: 'one\ntwo', b: '\n' });
    const drain$ = hot('  ----d----');
    const blocks = '      -a--|----';
    const subscription = '^---!----';

    expectObservable(chunks$.pipe(linesOfText(10), takeUntil(drain$))).toBe(blocks, { a: 'one\n' });
    expectSubscriptions(chunks$.subscriptions).toBe(subscription);
  });

  it('do not come after an unsubscription', ({ hot, expectObservable, expectSubscriptions }) => {
    const chunks$ = hot(' -a----b-|', { a: 'one\ntwo', b: '\n' });
    const run = '         ^---!----';
    const blocks = '      -a-------';
    const subscription = '^---!----';

    expectObservable(chunks$.pipe(linesOfText(10)), run).toBe(blocks, { a: 'one\n' });
    expectSubscriptions(chunks$.subscriptions).toBe(subscription);
  });

  it('are cut for each subscriber apart', ({ cold, expectObservable, expectSubscriptions }) => {
    const chunks$ = cold('-a-b|', { a: `${MARK}on`, b: 'e\n' });
    const first = '       ^------';
    const firstBlocks = ' ---b|--';
    const second = '      --^----';
    const secondBlocks = '-----b|';
    const subscriptions = ['^---!--', '--^---!'];

    const blocks$ = chunks$.pipe(linesOfText(10));
    expectObservable(blocks$, first).toBe(firstBlocks, { b: 'one\n' });
    expectObservable(blocks$, second).toBe(secondBlocks, { b: 'one\n' });
    expectSubscriptions(chunks$.subscriptions).toBe(subscriptions);
  });
});
