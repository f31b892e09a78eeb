import { type Observable, concatMap, from, of, toArray } from 'rxjs';
import { overlong } from '../lib/readers/lines.ts';
import { linesOfText } from './support/texts.ts';
import { inVirtualTime } from './support/virtual-time.ts';

const LIMIT = 8;
const MARK = '\xef\xbb\xbf';

/** What `text` means, said as simply as can be: its lines, each with its newline, or that it was too long. */
function meaning(text: string): (string | typeof overlong)[] {
  const found = text.replace(/^\xef\xbb\xbf/, '').split('\n');
  if (found.at(-1) === '') found.pop();
  return found.map((line) => (line.replace(/\r$/, '').length > LIMIT ? overlong : `${line}\n`));
}

/** Blocks as single lines, all at the end. */
function allLines(
  blocks$: Observable<string | typeof overlong>,
): Observable<readonly (string | typeof overlong)[]> {
  return blocks$.pipe(
    concatMap((block) =>
      block === overlong ? of(block) : from(block.match(/[^\n]*\n|[^\n]+$/g) ?? ['no line']),
    ),
    toArray(),
  );
}

describe('Wherever the chunks are cut', () => {
  it.each([
    ['lines', 'alice\nbob: hi\n\n\nbob: bye\n'],
    ['CRLF lines', 'alice\r\nbob: h\ri\r\n\r\nx\r\r\n'],
    ['a last line without newline', 'alice\nbob: hi'],
    ['a last line without newline but with a CR', 'alice\nbob: hi\r'],
    ['a byte order mark', `${MARK}al\n${MARK}b`],
    ['a byte order mark before a line at the limit', `${MARK}12345678\n`],
    ['bytes that are no text', '\0\xff\n\xc3\xa9\n\xe2\x80\xa8\n'],
    ['lines at the limit', '12345678\n12345678\r\n12345678'],
    ['lines over the limit', '123456789\na\n123456789\r\n1234567890123\n123456789'],
  ])('%s come out the same', (_what, text) => {
    for (let first = 1; first < text.length; first += 1) {
      for (let second = first; second < text.length; second += 1) {
        inVirtualTime(({ hot, expectObservable, expectSubscriptions }) => {
          const chunks = { a: text.slice(0, first), b: text.slice(first, second), c: text.slice(second) };
          const chunks$ = hot(first === second ? 'a--c-|' : 'ab-c-|', chunks);
          const result = '-----(l|)';
          const subscription = '^----!';

          expectObservable(allLines(chunks$.pipe(linesOfText(LIMIT)))).toBe(result, { l: meaning(text) });
          expectSubscriptions(chunks$.subscriptions).toBe(subscription);
        });
      }
    }
  });
});
