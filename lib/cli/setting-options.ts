import { Option } from 'commander';
import { counterflagOf, flagOf } from '../settings/option-names.ts';
import { type Key, keys, settings, show } from '../settings/table.ts';

/**
 * Settings as options of commander, with their help, and without more: whether values can be is said of all
 * sources at once. Its own `choices` and `conflicts` end at the first mistake, and its `env` takes any
 * variable of a switch for a switch that is on, also `false`.
 */

/** All settings, and what switches off those that are switches. */
export function optionsOfSettings(): Option[] {
  const switches = keys().filter((key) => typeof settings[key].value === 'boolean');
  return [
    ...keys().map((key) => optionOf(key).helpGroup(settings[key].group)),
    ...switches.map((key) => new Option(counterflagOf(key)).hideHelp()),
  ];
}

/** @param help what it means to a command that is not the server */
export function optionOf(key: Key, help = settings[key].help): Option {
  const { value, placeholder } = settings[key];
  const shown = placeholder === '' ? '' : show(key, value);
  const flags = `${flagOf(key)} ${placeholder}`.trim();
  const option = new Option(flags, shown === '' ? help : `${help} (${shown})`);
  if (!Array.isArray(value)) return option;
  return option.argParser((one: string, before: readonly string[] | undefined) => [...(before ?? []), one]);
}
