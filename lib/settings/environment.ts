import { variableOf } from './option-names.ts';
import { type Key, keys } from './table.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Variables beside the settings that the commands read. */
const OTHER_VARIABLES: ReadonlySet<string> = new Set(['A_CHAT_CONFIG']);

/**
 * Names of the variables that Kubernetes sets for a service called a-chat or a-chat-something, and Docker for
 * a link of that name.
 */
const SERVICE_VARIABLE = /^A_CHAT_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_\w+|ENV_\w+)$/;

/** More of these variables, as `name=value`. Their values are an address and a path, no port and no name. */
const SERVICE_ADDRESS = /^A_CHAT_(\w+_)?PORT=(tcp|udp|sctp):\/\//;
const LINK_PATH = /^A_CHAT_(\w+_)?NAME=\//;

const SERVICE_NOTE =
  'A_CHAT_PORT is not taken for the port: it is the address of a service, which Kubernetes sets where enableServiceLinks is on';

/** The value of a setting's variable. An empty variable counts as unset, and so does one of a service. */
export function variable(key: Key, environment: Environment): string | undefined {
  const name = variableOf(key);
  const value = environment[name];
  return value === '' || isOfService(name, value) ? undefined : value;
}

/** Variables that are ignored though they have the name of a setting, and why, one line each. */
export function notesOn(environment: Environment): string[] {
  const name = variableOf('port');
  return isOfService(name, environment[name]) ? [SERVICE_NOTE] : [];
}

/** One line for each unknown variable whose name begins like those of the settings. */
export function strangers(environment: Environment): string[] {
  const known = new Set([...keys().map(variableOf), ...OTHER_VARIABLES]);
  return Object.entries(environment)
    .filter(([name, value]) => name.startsWith('A_CHAT_') && value !== '' && !known.has(name))
    .filter(([name, value]) => !isOfService(name, value))
    .map(([name]) => `there is no setting for the variable ${name}`);
}

/** Whether Kubernetes or Docker sets the variable for a service. */
function isOfService(name: string, value = ''): boolean {
  const line = `${name}=${value}`;
  return SERVICE_VARIABLE.test(name) || SERVICE_ADDRESS.test(line) || LINK_PATH.test(line);
}
