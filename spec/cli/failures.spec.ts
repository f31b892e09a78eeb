import { complaint, explain } from '../../lib/cli/failures.ts';
import { OptionError } from '../../lib/settings/error.ts';

test('a complaint is one line without control characters', () => {
  expect(complaint('two\nlines \x07')).toBe('a-chat: two lines \u2407\n');
});

test('tells what the operator did wrong from what the system refused, and from a bug', () => {
  expect(explain(new OptionError('--port must be'))).toEqual({ lines: ['--port must be'], code: 2 });
  const refused = Object.assign(new Error('listen EADDRINUSE'), { syscall: 'listen' });
  expect(explain(refused)).toEqual({ lines: ['listen EADDRINUSE'], code: 1 });
  expect(explain(new TypeError('a bug'))).toBeUndefined();
  expect(explain('not even an error')).toBeUndefined();
});
