import { type Credentials, readCredentials } from '../settings/tls-files.ts';
import { type Endpoint, isSecure, parseEndpoint } from '../protocol/endpoint.ts';
import type { Environment } from '../settings/environment.ts';
import { OptionError } from '../settings/error.ts';
import { flagOf } from '../settings/option-names.ts';
import { type Options, readSettings } from '../settings/sources.ts';
import { endpointProblem } from '../settings/socket-path.ts';
import type { Key } from '../settings/table.ts';

/** An endpoint that a client can connect to. */
export type Reachable = Exclude<Endpoint, { transport: 'systemd' | 'systemd+tls' }>;

/** A server, with the certificate that the client shows and the signers that it trusts over TLS. */
export interface Target {
  readonly endpoint: Reachable;
  readonly credentials: Credentials;
}

const FILES = ['tlsCert', 'tlsKey', 'tlsCa'] as const;

/**
 * The server that the command line names: by an endpoint, or by a host and port. Throws an `OptionError` for
 * a mistake, and Node's error for a file that cannot be read.
 */
export function targetOf(written: string | undefined, options: Options, environment: Environment): Target {
  const given = (key: Key) => options[key] !== undefined;
  const endpoint = endpointOf(written, options, environment);
  if (isSecure(endpoint)) {
    const files = readSettings(FILES, options, environment);
    if ((files.tlsCert === undefined) !== (files.tlsKey === undefined))
      throw new OptionError('a certificate needs its key: --tls-cert and --tls-key');
    return { endpoint, credentials: readCredentials(files) };
  }
  // Files of the environment may be meant for other servers, so only those of the command line are a mistake.
  const idle = FILES.find(given);
  if (idle !== undefined)
    throw new OptionError(`${flagOf(idle)} does nothing without TLS: a-chat connect tls://<address>:<port>`);
  return { endpoint, credentials: {} };
}

function endpointOf(written: string | undefined, options: Options, environment: Environment): Reachable {
  if (written === undefined) {
    const { host, port } = readSettings(['host', 'port'], options, environment);
    return { transport: 'tcp', host, port };
  }
  const twice = (['host', 'port'] as const).find((key) => options[key] !== undefined);
  if (twice !== undefined)
    throw new OptionError(
      `${flagOf(twice)} and '${written}' say the same thing twice: leave one of them out`,
    );
  const endpoint = parseEndpoint(written);
  if (endpoint === undefined || 'name' in endpoint)
    throw new OptionError(
      `one connects to tcp://<address>:<port>, tls://<address>:<port> or unix:<path>, not '${written}'`,
    );
  const problem = endpointProblem(endpoint);
  if (problem !== undefined) throw new OptionError(`a server ${problem}, not '${written}'`);
  return endpoint;
}
