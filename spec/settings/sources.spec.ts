import { OptionError } from '../../lib/settings/error.ts';
import { counterflagOf, flagOf, variableOf } from '../../lib/settings/option-names.ts';
import { NO_FILE, resolveSettings } from '../../lib/settings/sources.ts';
import { type Key, keys, settings } from '../../lib/settings/table.ts';

/** A file of settings that says this of one, in its first line. */
function fileWith(key: Key, value: string) {
  return { ...NO_FILE, given: new Map([[key, { value, place: 'a-chat.yaml:1:1' }]]) };
}

test('an option wins over the environment, that over the file, that over the default', () => {
  const [options, environment] = [{ maxLine: '1' }, { A_CHAT_MAX_LINE: '2' }];
  const file = fileWith('maxLine', '3');
  for (const [resolved, value, place] of [
    [resolveSettings(options, environment, file), 1, '--max-line'],
    [resolveSettings({}, environment, file), 2, 'A_CHAT_MAX_LINE'],
    [resolveSettings({}, {}, file), 3, 'a-chat.yaml:1:1'],
    [resolveSettings({}, {}), 65_536, undefined],
  ] as const) {
    expect([resolved.values.maxLine, resolved.places.get('maxLine')]).toEqual([value, place]);
  }
  // Even over nonsense.
  expect(resolveSettings(options, { A_CHAT_MAX_LINE: 'two' }).values.maxLine).toBe(1);
});

describe.each(keys().filter((key) => settings[key].placeholder === ''))('the switch %s', (key) => {
  // Guests are nothing without accounts.
  const accounts = { A_CHAT_ACCOUNTS: 'accounts' };
  const [option, variable] = [flagOf(key), variableOf(key)];
  const on = fileWith(key, 'true');

  test.each([
    ['1', true],
    ['true', true],
    ['0', false],
    ['false', false],
  ])('is read from its variable: %s', (text, value) => {
    expect(resolveSettings({}, { ...accounts, [variable]: text }).values[key]).toBe(value);
    expect(resolveSettings({}, { ...accounts, [variable]: text }, on).values[key]).toBe(value);
  });

  test('is switched on and off by its options, whatever the environment and the file say', () => {
    for (const [value, place, other] of [
      [true, option, 'false'],
      [false, counterflagOf(key), 'true'],
    ] as const) {
      const environment = { ...accounts, [variable]: other };
      for (const file of [fileWith(key, other), NO_FILE]) {
        const { values, places } = resolveSettings({ [key]: value }, environment, file);
        expect([values[key], places.get(key)]).toEqual([value, place]);
      }
    }
  });

  test('is either on or off', () => {
    expect(() => resolveSettings({}, { [variable]: 'maybe' })).toThrow(
      new OptionError(`${variable} must be true or false, not 'maybe'`),
    );
  });
});

test('endpoints may be several, and leave no place for the short form beside them', () => {
  const listen = ['tcp://[::1]:8080', 'unix:/run/a, chat.sock'];
  expect(resolveSettings({ listen }, {}).values.listen).toEqual(listen);
  const environment = { A_CHAT_LISTEN: 'tcp://a:1, unix:/run/b.sock\ttcp://[::]:0', A_CHAT_PORT: '1' };
  expect(resolveSettings({}, environment).values.listen).toEqual([
    'tcp://a:1',
    'unix:/run/b.sock',
    'tcp://[::]:0',
  ]);
  expect(resolveSettings({ listen }, environment).values.listen).toEqual(listen);
  expect(() => resolveSettings({ listen, port: '1' }, {})).toThrow(
    new OptionError('--port and --listen say the same thing twice: leave one of them out'),
  );
  expect(() => resolveSettings({ listen, host: '::' }, {})).toThrow(
    new OptionError('--host and --listen say the same thing twice: leave one of them out'),
  );
});

test('mistakes are told all at once, wherever they are', () => {
  const environment = { A_CHAT_MAX_RATE: 'much', A_CHAT_PROT: '1', A_CHAT_GUESTS: 'true' };
  const file = { ...NO_FILE, mistakes: ["a-chat.yaml:1:1 there is no setting 'prot'"] };
  const options = { maxLine: '0', listen: ['tcp://a:1', 'a:2'], host: 'a' };
  expect(() => resolveSettings(options, environment, file)).toThrow(
    expect.objectContaining({
      mistakes: [
        'there is no setting for the variable A_CHAT_PROT',
        "a-chat.yaml:1:1 there is no setting 'prot'",
        '--host and --listen say the same thing twice: leave one of them out',
        expect.stringMatching(/^--listen must be tcp:.*, not 'tcp:\/\/a:1,a:2'$/),
        "--max-line must be a whole number from 1 to 268435456, not '0'",
        "A_CHAT_MAX_RATE must be a whole number from 0 to 16777216, not 'much'",
        'A_CHAT_GUESTS means nothing without accounts',
      ],
    }) as Error,
  );
});
