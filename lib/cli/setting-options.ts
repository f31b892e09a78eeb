import { Option } from 'commander';
import { counterflagOf, flagOf } from '../settings/option-names.ts';
import { type Key, keys, settings, show } from '../settings/table.ts';

/**
 * All settings as options of commander, and for each switch the option that switches it off. The options have
 * no checks: values are checked in all sources at once. Commander's `choices` and `conflicts` stop at the
 * first mistake, and its `env` takes a variable of a switch for on, even where it says `false`.
 */
export function optionsOfSettings(): Option[] {
  const switches = keys().filter((key) => typeof settings[key].value === 'boolean');
  return [
    ...keys().map((key) => optionOf(key).helpGroup(settings[key].group)),
    ...switches.map((key) => new Option(counterflagOf(key)).hideHelp()),
  ];
}

/**
 * A setting as an option.
 *
 * @param help the meaning for a command, where it is another than for the server
 */
export function optionOf(key: Key, help = settings[key].help): Option {
  const { value, placeholder } = settings[key];
  const shown = placeholder === '' ? '' : show(key, value);
  const flags = `${flagOf(key)} ${placeholder}`.trim();
  const option = new Option(flags, shown === '' ? help : `${help} (${shown})`);
  if (!Array.isArray(value)) return option;
  return option.argParser((one: string, before: readonly string[] | undefined) => [...(before ?? []), one]);
}
