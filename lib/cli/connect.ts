import { type Logins, chat } from '../client/connect.ts';
import { targetOf } from '../client/target.ts';
import { OptionError } from '../settings/error.ts';
import { EXIT_CODES } from './exit-codes.ts';
import { loginAs, loginTyped, loginWithPassword } from './password-login.ts';
import type { Options } from '../settings/sources.ts';
import { say } from './written.ts';

/** Chats until one side has ended. Resolves with the exit code. */
export async function connect(endpoint: string | undefined, written: Options): Promise<number> {
  const target = targetOf(endpoint, written, process.env);
  await chat(target, await loginsOf(written), process.stdin, process.stdout);
  return EXIT_CODES.done;
}

/** The logins that were asked for. A password is no option, because other users can see the command line. */
async function loginsOf({ name, askPassword }: Options): Promise<Logins> {
  if (typeof name !== 'string') {
    if (askPassword === true) throw new OptionError('--ask-password needs --name: whose it is');
    return loginTyped(process.stdin);
  }
  return askPassword === true ? loginWithPassword(name, process.stdin, say) : loginAs(name);
}
