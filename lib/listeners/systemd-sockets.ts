import { OptionError } from '../settings/error.ts';

/** The first descriptor that systemd hands over. */
const FIRST_DESCRIPTOR = 3;

/** Name that systemd gives to sockets without one. */
const DEFAULT_NAME = 'unknown';

/**
 * Descriptors of the listening sockets that systemd handed to this process under `name`, as sd_listen_fds(3)
 * finds them. Throws an `OptionError` where there is none.
 */
export function inherited(
  name: string,
  { env, pid }: Pick<NodeJS.Process, 'env' | 'pid'>,
): readonly number[] {
  const count = env.LISTEN_PID === String(pid) ? Number(env.LISTEN_FDS) : 0;
  const given = env.LISTEN_FDNAMES?.split(':') ?? [];
  const names = Array.from({ length: count }, (_, index) => given[index] ?? DEFAULT_NAME);
  const found = names.flatMap((each, index) => (each === name ? [FIRST_DESCRIPTOR + index] : []));
  if (found.length > 0) return found;
  const instead = count === 0 ? 'no socket' : names.join(', ');
  throw new OptionError(`systemd:${name} is not there: systemd handed over ${instead}`);
}
