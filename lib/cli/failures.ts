import { AccountsError } from '../admission/accounts.ts';
import { ConnectionError, LoginError } from '../client/connect.ts';
import { defang } from '../protocol/text.ts';
import { FileError } from '../settings/files.ts';
import { OptionError } from '../settings/error.ts';

/** One line about what went wrong, fit for a terminal whatever was typed. */
export function complaint(message: string): string {
  return `a-chat: ${defang(message.trim().replaceAll('\n', ' '))}\n`;
}

/**
 * What is wrong, line by line, and the exit code: 2 for what the operator wrote, 1 for what the system
 * refused, 3 for a login that the server did.
 */
export function explain(failure: unknown): { lines: readonly string[]; code: number } | undefined {
  if (failure instanceof OptionError) return { lines: failure.mistakes, code: 2 };
  if (failure instanceof AccountsError) return { lines: [failure.message], code: 2 };
  if (failure instanceof FileError) return { lines: [failure.message], code: 1 };
  if (failure instanceof LoginError) return { lines: [failure.message], code: failure.isRefused ? 3 : 1 };
  if (failure instanceof ConnectionError) return { lines: [failure.message], code: 1 };
  if (failure instanceof Error && 'syscall' in failure) return { lines: [failure.message], code: 1 };
  return undefined;
}
