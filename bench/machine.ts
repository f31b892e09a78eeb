import { availableParallelism, cpus, release, type } from 'node:os';
import { pinned } from './children.ts';

/**
 * What the figures were measured on, as a list in Markdown.
 *
 * @param absent peers that were to be measured too, each with the reason why not
 */
export function machine(
  servers: readonly { name: string; version: string }[],
  absent: readonly string[],
): string {
  return [
    `- CPU: ${cpus()[0]?.model.trim() ?? 'unknown'}, ${availableParallelism()} cores; ${
      pinned ? 'the server on one, the load on another' : 'server and load not pinned to any'
    }`,
    `- system: ${type()} ${release()}, Node ${process.version}`,
    `- servers: ${[...servers.map(({ name, version }) => `${name} ${version}`), ...absent].join(', ')}`,
    `- date: ${new Date().toISOString().slice(0, 10)}`,
  ].join('\n');
}
