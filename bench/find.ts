import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Where a program is installed: on the PATH, or where servers are that are not on everybody's. */
export function find(program: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin'];
  return folders.map((folder) => join(folder, program)).find(executable);
}

function executable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
