import { checkFolder } from '../listeners/unix-socket.ts';
import { showConfig } from '../settings/file.ts';
import { endpointsOf } from '../settings/endpoints.ts';
import { EXIT_CODES } from './exit-codes.ts';
import { complaint } from './failures.ts';
import type { Options } from '../settings/sources.ts';
import { say, settingsOf } from './written.ts';

/**
 * Checks the settings, and prints them if asked to. Resolves with the exit code. Throws an `OptionError` for
 * mistakes, and Node's error where a file or a folder is missing.
 */
export async function config(written: Options): Promise<number> {
  const resolved = await settingsOf(written);
  for (const note of resolved.notes) say(complaint(note));
  for (const endpoint of endpointsOf(resolved.values)) {
    if (endpoint.transport === 'unix') checkFolder(endpoint.path);
  }
  if (written.print === true) process.stdout.write(await showConfig(resolved));
  return EXIT_CODES.done;
}
