import { readConfig } from '../settings/file.ts';
import {
  type FileOfSettings,
  type Key,
  NO_FILE,
  type Resolved,
  resolveSettings,
} from '../settings/options.ts';

/** Options as they were written on the command line. */
export type Written = Readonly<Record<string, unknown>>;

/** All settings, those of the environment and of the file included. */
export async function settingsOf(written: Written): Promise<Resolved<Key>> {
  return resolveSettings(written, process.env, await fileOf(written));
}

/** The file of settings that is named, if one is. */
export async function fileOf(written: Written): Promise<FileOfSettings> {
  const path = typeof written.config === 'string' ? written.config : (process.env.A_CHAT_CONFIG ?? '');
  return path === '' ? NO_FILE : readConfig(path);
}

/** Says something to whoever started the program, beside what it puts out. */
export function say(text: string): void {
  process.stderr.write(text);
}
