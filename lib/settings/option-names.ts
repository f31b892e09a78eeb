import type { Key } from './table.ts';

/** How a setting is called where an operator gives it. */

/** `drain-timeout`, in the file */
export function nameOf(key: Key): string {
  return words(key).join('-');
}

/** `--drain-timeout` */
export function flagOf(key: Key): string {
  return `--${nameOf(key)}`;
}

/** `--no-plain`, which switches it off. */
export function counterflagOf(key: Key): string {
  return `--no-${nameOf(key)}`;
}

/** `A_CHAT_DRAIN_TIMEOUT` */
export function variableOf(key: Key): string {
  return ['A_CHAT', ...words(key)].join('_').toUpperCase();
}

function words(key: Key): string[] {
  return key.split(/(?=[A-Z])/).map((word) => word.toLowerCase());
}
