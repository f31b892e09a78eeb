import { readConfig } from '../settings/file.ts';
import {
  type FileOfSettings,
  NO_FILE,
  type Options,
  type Resolved,
  resolveSettings,
} from '../settings/sources.ts';

/** All settings, those of the environment and of the file included. */
export async function settingsOf(options: Options): Promise<Resolved> {
  return resolveSettings(options, process.env, await fileOf(options));
}

/** The file of settings that is named, if one is. */
export async function fileOf(options: Options): Promise<FileOfSettings> {
  const path = typeof options.config === 'string' ? options.config : (process.env.A_CHAT_CONFIG ?? '');
  return path === '' ? NO_FILE : readConfig(path);
}

/** Says something to whoever started the program, beside what it puts out. */
export function say(text: string): void {
  process.stderr.write(text);
}
