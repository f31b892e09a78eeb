import { type Socket, connect, isIP } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import * as tls from 'node:tls';
import { showEndpoint } from '../protocol/endpoint.ts';
import type { Target } from './target.ts';

/** A server cannot be reached, or is not the one that was asked for. The message says which and why. */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError';
}

/** A server did not let the client in. The message says why. */
export class LoginError extends Error {
  override readonly name = 'LoginError';
  /** Whether the login was refused, so that another name or password may be let in. */
  readonly isRefused: boolean;

  constructor(message: string, isRefused: boolean) {
    super(message);
    this.isRefused = isRefused;
  }
}

/** Gives login lines, until one is accepted. */
export interface Logins {
  /**
   * Resolves with the next login line, or `undefined` for no more.
   *
   * @param refusal the line by which the server refused the last one
   */
  readonly next: (refusal?: string) => Promise<string | undefined>;
  /** Hears that no more login lines are needed. */
  readonly end: () => void;
}

/**
 * ms of silence after which a server counts as one with `--plain`. Other servers answer a name at once, and a
 * password before their own time for logins is over.
 */
const SILENCE_MS = { name: 5000, password: 40_000 };

/** Error lines that refuse a login, and not the connection. */
const LOGIN_REFUSED = /^! (name-invalid|name-taken|auth-failed|not-certified) /;

/**
 * Chats: sends `input` to the server, and writes the lines of the server to `output`. No input is sent before
 * the server has let the client in, because a message would be tried as a name. At the end of the input the
 * client closes its side, so that what is on its way still arrives. Resolves when the server has closed its
 * side too. Rejects with a `ConnectionError` where the connection fails, and with a `LoginError` where the
 * client is not let in. A server with TLS has to prove who it is before anything is sent.
 */
export function chat(target: Target, logins: Logins, input: Readable, output: Writable): Promise<void> {
  return new Promise((resolve, reject) => {
    let isIn = false;
    const socket = dial(target, () => {
      logIn(socket, logins).then(
        (hasLoggedIn) => {
          isIn = true;
          logins.end();
          if (hasLoggedIn) input.pipe(socket);
          else socket.end();
        },
        (failure: unknown) => {
          reject(failure instanceof Error ? failure : new Error(String(failure)));
          socket.destroySoon();
        },
      );
    });
    socket.pipe(output, { end: false });
    // The reader of the output has gone.
    output.once('error', () => {
      resolve();
      socket.destroy();
    });
    socket.once('error', (failure) => {
      const message = `${showEndpoint(target.endpoint)}: ${reasonOf(failure, socket)}`;
      reject(new ConnectionError(message, { cause: failure }));
      // Over TLS an error alone does not close the connection.
      socket.destroy();
    });
    socket.once('close', () => {
      input.unpipe(socket);
      if (!isIn) logins.end();
      // An input that is not at its end, such as a terminal, would keep the process alive.
      input.destroy();
      if (isIn) resolve();
      else reject(new LoginError('the server ended before it let anybody in', false));
    });
  });
}

/**
 * ms to connect to one of several addresses of a server before the next is tried. The default of Node is too
 * short for slow links.
 */
const autoSelectFamilyAttemptTimeout = 3000;

/** Resolves with whether the client has logged in: `false` where there is no login line at all. */
async function logIn(socket: Socket, logins: Logins): Promise<boolean> {
  let refusal: string | undefined;
  do {
    const login = await logins.next(refusal);
    if (login === undefined && refusal === undefined) return false;
    if (login === undefined) throw new LoginError(refusal ?? '', true);
    // The listener must be there before the first line can come.
    const answer = answerTo(socket, login.includes(':') ? SILENCE_MS.password : SILENCE_MS.name);
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
        else if (LOGIN_REFUSED.test(line)) resolve(line);
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

/** Connects to the server. `onReady` is called when it may be talked to. */
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

/** Signers that Node and this machine trust; `undefined` where Node cannot tell them. */
function trusted(): string[] | undefined {
  const { getCACertificates: of } = tls as { getCACertificates?: (from: 'default' | 'system') => string[] };
  return of === undefined ? undefined : [...of('default'), ...of('system')];
}

/** What was wrong, in one line. */
function reasonOf(failure: Error, socket: Socket): string {
  // A name with several addresses has an error for each of them.
  const each = failure instanceof AggregateError ? (failure.errors as Error[]) : [failure];
  const what = each.map(({ message, reason }: Error & { reason?: string }) => reason ?? message).join(', ');
  const isUntrusted = socket instanceof tls.TLSSocket && Boolean(socket.authorizationError);
  return isUntrusted ? `its certificate cannot be trusted: ${what}` : what;
}
