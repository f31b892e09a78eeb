import type { Key } from './table.ts';

/** The name of a setting in the file: `drain-timeout`. */
export function nameOf(key: Key): string {
  return words(key).join('-');
}

/** The option of a setting: `--drain-timeout`. */
export function flagOf(key: Key): string {
  return `--${nameOf(key)}`;
}

/** The option that switches a setting off: `--no-plain`. */
export function counterflagOf(key: Key): string {
  return `--no-${nameOf(key)}`;
}

/** The variable of a setting: `A_CHAT_DRAIN_TIMEOUT`. */
export function variableOf(key: Key): string {
  return ['A_CHAT', ...words(key)].join('_').toUpperCase();
}

function words(key: Key): string[] {
  return key.split(/(?=[A-Z])/).map((word) => word.toLowerCase());
}
