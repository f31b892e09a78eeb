import { variableOf } from './option-names.ts';
import { type Key, keys } from './table.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Variables that are no settings, but mean something to the commands. */
const OTHERS: ReadonlySet<string> = new Set(['A_CHAT_CONFIG']);

/**
 * Variables that Kubernetes sets for a service called a-chat, or a-chat-something, and Docker for a link of
 * that name.
 */
const OF_SERVICES = /^A_CHAT_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_\w+|ENV_\w+)$/;

/** More of them, which have this where one expects a number, or a name. */
const PORT_OF_SERVICE = /^A_CHAT_(\w+_)?PORT=(tcp|udp|sctp):\/\//;
const NAME_OF_LINK = /^A_CHAT_(\w+_)?NAME=\//;

const SERVICE_NOTE =
  'A_CHAT_PORT is not taken for the port: it is the address of a service, which Kubernetes sets where enableServiceLinks is on';

/** What the variable of a setting says. An empty one counts as unset. */
export function variable(key: Key, environment: Environment): string | undefined {
  const name = variableOf(key);
  const value = environment[name];
  return value === '' || isOfService(name, value) ? undefined : value;
}

/** What is passed over in the environment, and why, one line each. */
export function notesOn(environment: Environment): string[] {
  const name = variableOf('port');
  return isOfService(name, environment[name]) ? [SERVICE_NOTE] : [];
}

/** A line for each variable that looks like a setting and is none. */
export function strangers(environment: Environment): string[] {
  const known = new Set([...keys().map(variableOf), ...OTHERS]);
  return Object.entries(environment)
    .filter(([name, value]) => name.startsWith('A_CHAT_') && value !== '' && !known.has(name))
    .filter(([name, value]) => !isOfService(name, value))
    .map(([name]) => `there is no setting for the variable ${name}`);
}

function isOfService(name: string, value = ''): boolean {
  const line = `${name}=${value}`;
  return OF_SERVICES.test(name) || PORT_OF_SERVICE.test(line) || NAME_OF_LINK.test(line);
}
