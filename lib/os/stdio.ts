import { closeSync } from 'node:fs';
import { isatty } from 'node:tty';

/** A stream of the process over a pipe, a socket or a terminal. */
interface Handled {
  readonly _handle?: { setBlocking?(blocking: boolean): unknown } | null;
}

/**
 * Has no write to stdout and stderr wait for whoever reads: where there is no room it fails. Node does so by
 * itself for pipes and sockets. Terminals, which may be stopped by Ctrl-S, it makes wait on purpose, and it
 * has no public way to undo that.
 */
export function neverWait({ stdout, stderr }: Pick<NodeJS.Process, 'stdout' | 'stderr'>): void {
  for (const stream of [stdout, stderr]) (stream as Handled)._handle?.setBlocking?.(false);
}

/**
 * Has the process end as it means to where its terminal is gone by then: Node 20 sets terminals back as they
 * were, and aborts where it cannot. It looks at no descriptor that is closed.
 */
export function outliveTerminals(process: Pick<NodeJS.Process, 'once'>): void {
  const terminals = [0, 1, 2].filter((fd) => isatty(fd));
  process.once('exit', () => {
    for (const fd of terminals) if (!isatty(fd)) closeSync(fd);
  });
}

/**
 * Whether to write in colours: as `FORCE_COLOR` and `NO_COLOR` say, else on a terminal that is not a dumb
 * one.
 */
export function hasColours(
  { FORCE_COLOR, NO_COLOR, TERM }: Readonly<Record<string, string | undefined>>,
  terminal: boolean,
): boolean {
  if (FORCE_COLOR !== undefined) return FORCE_COLOR !== '0' && FORCE_COLOR !== 'false';
  if (NO_COLOR !== undefined && NO_COLOR !== '') return false;
  return terminal && TERM !== 'dumb';
}
