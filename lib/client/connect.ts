import { type Socket, connect, isIP } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import * as tls from 'node:tls';
import { showEndpoint } from '../protocol/endpoint.ts';
import type { Target } from './target.ts';

/** A server that cannot be reached, or is not the one it should be; the message says which and why. */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError';
}

/** A server that did not let the client in; the message says why. */
export class LoginError extends Error {
  override readonly name = 'LoginError';
  /** Whether another name or password may be let in. */
  readonly isRefused: boolean;

  constructor(message: string, isRefused: boolean) {
    super(message);
    this.isRefused = isRefused;
  }
}

/** What one logs in with, line after line, as long as the one before was refused. */
export interface Logins {
  /**
   * The first where `refusal` is not given, otherwise one in place of that which was refused so; `undefined`
   * for no more.
   */
  readonly next: (refusal?: string) => Promise<string | undefined>;
  /** They are not needed any more. */
  readonly end: () => void;
}

/**
 * ms of silence after which a server counts as one that says `from` lines alone: others answer a login at
 * once, and one with a password before their own time for logins is over.
 */
const SILENCE = { name: 5000, password: 40_000 };

/** Refusals that mean the login, and not the connection. */
const REFUSED = /^! (name-invalid|name-taken|auth-failed|not-certified) /;

/**
 * The client: `input` to the server, the server's lines to `output`. Nothing of the input is sent before the
 * server has let the client in: what is meant for somebody would be tried as a name. When the input ends it
 * half-closes, so that what is on its way still arrives; it is done when the server has ended too. Rejects
 * with a `ConnectionError` where the connection fails, and with a `LoginError` where it is not let in.
 * Nothing is said to a server with TLS before it has proved who it is.
 */
export function chat(target: Target, logins: Logins, input: Readable, output: Writable): Promise<void> {
  return new Promise((resolve, reject) => {
    let isIn = false;
    const socket = dial(target, () => {
      logIn(socket, logins).then(
        (any) => {
          isIn = true;
          logins.end();
          if (any) input.pipe(socket);
          else socket.end();
        },
        (failure: unknown) => {
          reject(failure instanceof Error ? failure : new Error(String(failure)));
          socket.destroySoon();
        },
      );
    });
    socket.pipe(output, { end: false });
    // Whoever reads the output has had enough.
    output.once('error', () => {
      resolve();
      socket.destroy();
    });
    socket.once('error', (failure) => {
      const message = `${showEndpoint(target.endpoint)}: ${reasonOf(failure, socket)}`;
      reject(new ConnectionError(message, { cause: failure }));
      // Over TLS an error alone does not close it.
      socket.destroy();
    });
    socket.once('close', () => {
      input.unpipe(socket);
      if (!isIn) logins.end();
      // An input that nobody reads to its end, a terminal above all, would keep the process alive.
      input.destroy();
      if (isIn) resolve();
      else reject(new LoginError('the server ended before it let anybody in', false));
    });
  });
}

/**
 * ms that one of several addresses of a server has before the next is tried; Node's own would give up slow
 * links.
 */
const autoSelectFamilyAttemptTimeout = 3000;
/** Resolves when the server has let the client in, or with `false` where there is nothing to log in with. */
async function logIn(socket: Socket, logins: Logins): Promise<boolean> {
  let refusal: string | undefined;
  do {
    const login = await logins.next(refusal);
    if (login === undefined && refusal === undefined) return false;
    if (login === undefined) throw new LoginError(refusal ?? '', true);
    // Before the first line can come.
    const answer = answerTo(socket, login.includes(':') ? SILENCE.password : SILENCE.name);
    socket.write(`${login}\n`);
    refusal = await answer;
  } while (refusal !== undefined);
  return true;
}

/** Resolves with `undefined` when the login is accepted, or with the line that refuses it. */
function answerTo(socket: Socket, silence: number): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    let text = '';
    const settle = () => {
      clearTimeout(quiet);
      socket.off('data', onData);
    };
    const onData = (chunk: Buffer) => {
      clearTimeout(quiet);
      text += chunk.toString('latin1');
      for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
        const line = Buffer.from(text.slice(0, end), 'latin1').toString().trimEnd();
        text = text.slice(end + 1);
        const isRefusal = line.startsWith('! ');
        if (!isRefusal && !/^(\* welcome|from) /.test(line)) continue;
        settle();
        if (!isRefusal) resolve(undefined);
        else if (REFUSED.test(line)) resolve(line);
        else reject(new LoginError(line, false));
        return;
      }
    };
    const quiet = setTimeout(() => {
      settle();
      resolve(undefined);
    }, silence);
    socket.on('data', onData).once('close', settle);
  });
}

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
