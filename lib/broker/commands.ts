import * as protocol from '../protocol/wire.ts';
import type { Roster } from './roster.ts';
import { abbreviate, splitWord } from '../protocol/text.ts';

export interface Answer {
  /** Lines for the asker. */
  readonly text: string;
  /** Whether the asker wants its session to end. */
  readonly quit: boolean;
}

/**
 * Answers a line, trimmed and not empty, that is no message: a command, or nothing the server understands.
 * `harmless` makes a piece of input fit to be repeated.
 *
 * @param maxLine bytes of the longest line
 */
export function answer(
  line: string,
  roster: Roster,
  maxLine: number,
  harmless: (input: string) => string,
): Answer {
  if (!line.startsWith('/')) {
    return say(protocol.error('no-recipient', '', "write '<name>: <text>', or /help"));
  }
  const { word, rest } = splitWord(line);
  switch (word) {
    case '/who':
      return say(roster.tellWho(maxLine));
    case '/ping':
      return say(protocol.pong(harmless(rest)));
    case '/help':
      return say(protocol.help());
    case '/quit':
      return { text: '', quit: true };
    default:
      return say(protocol.error('unknown-command', abbreviate(harmless(word)), 'see /help'));
  }
}

function say(text: string): Answer {
  return { text, quit: false };
}
