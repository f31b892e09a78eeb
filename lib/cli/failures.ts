import { AccountsError } from '../admission/accounts.ts';
import { ConnectionError, LoginError } from '../client/connect.ts';
import { defang } from '../protocol/text.ts';
import { FileError } from '../settings/files.ts';
import { OptionError } from '../settings/error.ts';
import { EXIT_CODES } from './exit-codes.ts';

/** One line about a failure, with control characters shown by stand-ins. */
export function complaint(message: string): string {
  return `a-chat: ${defang(message.trim().replaceAll('\n', ' '))}\n`;
}

/** The lines of a failure that is expected, and its exit code; `undefined` for a bug. */
export function explain(failure: unknown): { lines: readonly string[]; code: number } | undefined {
  const { failed, misconfigured, loginRefused } = EXIT_CODES;
  if (failure instanceof OptionError) return { lines: failure.mistakes, code: misconfigured };
  if (failure instanceof AccountsError) return { lines: [failure.message], code: misconfigured };
  if (failure instanceof FileError) return { lines: [failure.message], code: failed };
  if (failure instanceof LoginError)
    return { lines: [failure.message], code: failure.isRefused ? loginRefused : failed };
  if (failure instanceof ConnectionError) return { lines: [failure.message], code: failed };
  if (failure instanceof Error && 'syscall' in failure) return { lines: [failure.message], code: failed };
  return undefined;
}
