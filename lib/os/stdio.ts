import { closeSync } from 'node:fs';
import { isatty } from 'node:tty';

/** A stream over a pipe, a socket or a terminal. Node keeps its handle to itself. */
interface Handled {
  readonly _handle?: { setBlocking?(blocking: boolean): unknown } | null;
}

/**
 * Makes stdout and stderr non-blocking: a write without room fails with EAGAIN. Node does so for pipes and
 * sockets. It makes terminals, which Ctrl-S may stop, block on purpose, and has no public way to undo that.
 */
export function neverWait({ stdout, stderr }: Pick<NodeJS.Process, 'stdout' | 'stderr'>): void {
  for (const stream of [stdout, stderr]) (stream as Handled)._handle?.setBlocking?.(false);
}

/**
 * Lets the process exit normally after its terminal has gone. At exit Node 20 resets terminals to their first
 * state, and aborts where it cannot. It skips descriptors that are closed.
 */
export function outliveTerminals(process: Pick<NodeJS.Process, 'once'>): void {
  const terminals = [0, 1, 2].filter((fd) => isatty(fd));
  process.once('exit', () => {
    for (const fd of terminals) if (!isatty(fd)) closeSync(fd);
  });
}

/** Whether output has colours: as `FORCE_COLOR` and `NO_COLOR` say, else on a terminal that is not dumb. */
export function hasColours(
  { FORCE_COLOR, NO_COLOR, TERM }: Readonly<Record<string, string | undefined>>,
  terminal: boolean,
): boolean {
  if (FORCE_COLOR !== undefined) return FORCE_COLOR !== '0' && FORCE_COLOR !== 'false';
  if (NO_COLOR !== undefined && NO_COLOR !== '') return false;
  return terminal && TERM !== 'dumb';
}
