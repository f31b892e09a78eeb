import type { Logger } from 'pino';
import { type SpoolCounts, Spool } from '../operate/log-spool.ts';
import { createLog, logMissing } from '../operate/log.ts';
import { hasColours, neverWait, outliveTerminals } from '../os/stdio.ts';
import type { LogFormat } from '../settings/table.ts';
import { EXIT_CODES } from './exit-codes.ts';
import { complaint } from './failures.ts';

/** The log of the program, on stdout. Its own errors go to stderr. */
export interface ProgramLog {
  readonly log: Logger;
  /** Makes room for a line of each session, because all of them end at once. */
  readonly makeRoom: () => void;
  /**
   * Writes the lines that wait, and gives up after about a second. Resolves with the exit code: `code`, or 1
   * where that is 0 and lines are missing.
   */
  readonly close: (code: number) => Promise<number>;
}

/**
 * Opens the log.
 *
 * @param counts where lost lines and failed writes are counted
 */
export async function openLog(
  level: string,
  format: LogFormat,
  counts: SpoolCounts = { dropped: 0, failures: 0 },
): Promise<ProgramLog> {
  neverWait(process);
  outliveTerminals(process);
  // Node may write warnings to stderr. An error there is no reason to stop.
  process.stderr.on('error', () => {});
  const complaints = new Spool(2, { dropped: 0, failures: 0 }, { stuck: () => {}, missing: () => {} });
  const lines = new Spool(1, counts, {
    stuck: (why) => {
      complaints.write(complaint(`the log cannot be written: ${why}`));
    },
    missing: (count) => {
      logMissing(log, count);
    },
  });
  const terminal = process.stdout.isTTY;
  const screen = { terminal, colours: hasColours(process.env, terminal) };
  const log = await createLog(level, format, screen, lines);
  const close = async (code: number) => {
    const missing = await lines.close(1000);
    if (missing > 0) complaints.write(complaint(`${missing} lines of the log could not be written`));
    await complaints.close(100);
    return missing > 0 ? code || EXIT_CODES.failed : code;
  };
  const makeRoom = () => {
    lines.makeRoom();
  };
  return { log, makeRoom, close };
}
