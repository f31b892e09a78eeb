import { readConfig } from '../settings/file.ts';
import {
  type FileOfSettings,
  NO_FILE,
  type Options,
  type Resolved,
  resolveSettings,
} from '../settings/sources.ts';

/** All settings: of the command line, the environment and the file. */
export async function settingsOf(options: Options): Promise<Resolved> {
  return resolveSettings(options, process.env, await fileOf(options));
}

/** The file of settings, if one is named. */
export async function fileOf(options: Options): Promise<FileOfSettings> {
  const path = typeof options.config === 'string' ? options.config : (process.env.A_CHAT_CONFIG ?? '');
  return path === '' ? NO_FILE : readConfig(path);
}

/** Prints a text to stderr. */
export function say(text: string): void {
  process.stderr.write(text);
}
