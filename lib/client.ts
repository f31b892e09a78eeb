import { type Socket, connect, isIP } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import * as tls from 'node:tls';
import { showEndpoint } from './endpoint.ts';
import type { Target } from './target.ts';

/** A server that cannot be reached, or is not the one it should be; the message says which and why. */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError';
}

/**
 * The client: `input` to the server, the server's lines to `output`. When the input ends it half-closes, so that what
 * is on its way still arrives; it is done when the server has ended too. Rejects with a `ConnectionError` where the
 * connection fails. Nothing is said to a server with TLS before it has proved who it is.
 *
 * @param login sent as the first line, if given
 */
export function chat(
  target: Target,
  login: string | undefined,
  input: Readable,
  output: Writable,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = dial(target, () => {
      if (login !== undefined) socket.write(`${login}\n`);
      input.pipe(socket);
    });
    socket.pipe(output, { end: false });
    // Whoever reads the output has had enough.
    output.once('error', () => socket.destroy());
    socket.once('error', (failure) => {
      const message = `${showEndpoint(target.endpoint)}: ${reasonOf(failure, socket)}`;
      reject(new ConnectionError(message, { cause: failure }));
      // Over TLS an error alone does not close it.
      socket.destroy();
    });
    socket.once('close', () => {
      input.unpipe(socket);
      // An input that nobody reads to its end, a terminal above all, would keep the process alive.
      input.destroy();
      resolve();
    });
  });
}

/** ms that one of several addresses of a server has before the next is tried; Node's own would give up slow links. */
const autoSelectFamilyAttemptTimeout = 3000;

/** `onReady` is called once the server may be talked to. */
function dial({ endpoint, credentials }: Target, onReady: () => void): Socket {
  switch (endpoint.transport) {
    case 'unix':
      return connect({ path: endpoint.path }, onReady);
    case 'tcp':
      return connect(
        { host: endpoint.host, port: endpoint.port, noDelay: true, autoSelectFamilyAttemptTimeout },
        onReady,
      );
    case 'tls': {
      const { host, port } = endpoint;
      const servername = isIP(host) === 0 ? host : '';
      const ca = credentials.ca ?? trusted();
      const options = { ...credentials, ca, host, port, servername, autoSelectFamilyAttemptTimeout };
      return tls.connect(options, onReady).setNoDelay();
    }
  }
}

/** Signers that this machine trusts beside those that Node does; `undefined` where Node cannot tell them. */
function trusted(): string[] | undefined {
  const { getCACertificates: of } = tls as { getCACertificates?: (from: 'default' | 'system') => string[] };
  return of === undefined ? undefined : [...of('default'), ...of('system')];
}

/** What was wrong, in a line. */
function reasonOf(failure: Error, socket: Socket): string {
  // Where a name has several addresses, each has failed.
  const each = failure instanceof AggregateError ? (failure.errors as Error[]) : [failure];
  const what = each.map(({ message, reason }: Error & { reason?: string }) => reason ?? message).join(', ');
  const isUntrusted = socket instanceof tls.TLSSocket && Boolean(socket.authorizationError);
  return isUntrusted ? `its certificate cannot be trusted: ${what}` : what;
}
