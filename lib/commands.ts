import * as protocol from './protocol.ts';
import type { Roster } from './roster.ts';
import { abbreviate } from './text.ts';

export interface Answer {
  /** Lines for the asker. */
  readonly text: string;
  /** Whether the asker wants its session to end. */
  readonly quit: boolean;
}

/**
 * Answers a line, trimmed, not empty and fit to be repeated, that is no message: a command, or nothing the server
 * understands.
 */
export function answer(line: string, roster: Roster): Answer {
  if (!line.startsWith('/')) {
    return say(protocol.error('no-recipient', '', "write '<name>: <text>', or /help"));
  }
  const [command = '', argument = ''] = line.split(/\s+(.*)/s);
  switch (command) {
    case '/who':
      return say(protocol.who(roster.names));
    case '/ping':
      return say(protocol.pong(argument));
    case '/help':
      return say(protocol.help());
    case '/quit':
      return { text: '', quit: true };
    default:
      return say(protocol.error('unknown-command', abbreviate(command), 'see /help'));
  }
}

function say(text: string): Answer {
  return { text, quit: false };
}
