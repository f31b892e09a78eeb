import { hasColours } from '../../lib/os/stdio.ts';

test.each([
  [{}, true, true],
  [{}, false, false],
  [{ NO_COLOR: '1' }, true, false],
  [{ NO_COLOR: '' }, true, true],
  [{ TERM: 'dumb' }, true, false],
  [{ TERM: 'xterm' }, false, false],
  [{ FORCE_COLOR: '1' }, false, true],
  [{ FORCE_COLOR: '' }, false, true],
  [{ FORCE_COLOR: '0' }, true, false],
  [{ FORCE_COLOR: 'false' }, true, false],
  [{ FORCE_COLOR: '3', NO_COLOR: '1', TERM: 'dumb' }, false, true],
])('with %j, on a terminal or not (%s), colours are %s', (environment, terminal, colours) => {
  expect(hasColours(environment, terminal)).toBe(colours);
});
