import type { Socket } from 'node:net';
import { type TLSSocket, createServer } from 'node:tls';
import { Observable, type OperatorFunction } from 'rxjs';
import { forward } from '../model/forward.ts';
import { HostCount } from '../protocol/address.ts';
import type { Credentials } from '../settings/tls-files.ts';
import type { RefusalCode } from '../model/server-events.ts';
import { nameProblem, normalizeName } from '../protocol/names.ts';
import type { Certificate } from '../model/session.ts';

/** How connections are secured. */
export interface SecureOptions {
  /** ms that a handshake may take. */
  readonly handshakeTimeout: number;
  /** Handshakes of one address at a time; 0 for no limit. */
  readonly maxConnectionsPerAddress: number;
  /** Whether peers have to show a certificate. */
  readonly requestCert: boolean;
}

/** Hears of a connection that is refused. `detail` says what was wrong with a handshake. */
export type Refuse = (code: RefusalCode, socket: Socket, detail?: string) => void;

/** Handshakes at a time. Each takes memory and time for a peer that nobody knows yet. */
export const HANDSHAKES = 512;

/**
 * Secures connections. Each is emitted when its handshake is done. Unsubscribing breaks off the handshakes
 * under way.
 *
 * @param credentials$ the latest are used for a handshake when it begins; it needs a first value at once
 */
export function secure(
  credentials$: Observable<Credentials>,
  { handshakeTimeout, maxConnectionsPerAddress: perAddress, requestCert }: SecureOptions,
  refuse: Refuse,
): OperatorFunction<Socket, TLSSocket> {
  return (sockets$) =>
    new Observable((out) => {
      /** Handshakes under way, with their addresses: a closed connection does not tell its own. */
      const underWay = new Map<Socket, string | undefined>();
      const hosts = new HostCount();
      const finish = (socket: Socket) => {
        hosts.remove(underWay.get(socket));
        return underWay.delete(socket);
      };
      // The server does not listen: connections are handed to it. A peer without a good certificate passes
      // here, and is refused by a line of the chat, which says more than an alert of TLS.
      const server = createServer({ handshakeTimeout, requestCert, rejectUnauthorized: false });
      server.on('secureConnection', (socket) => {
        finish(plainOf(socket));
        socket.allowHalfOpen = true;
        // After a broken record Node leaves the connection open, though nothing passes any more.
        socket.on('error', () => socket.destroy());
        out.next(socket);
      });
      server.on('tlsClientError', (failure, socket) => {
        const plain = plainOf(socket);
        socket.destroy();
        if (finish(plain)) refuse('tls-failed', plain, reasonOf(failure));
      });

      // A client that means to chat is done in no time. The others would keep it out if they were served to
      // the end.
      const giveUpOldest = () => {
        const [oldest] = underWay.keys();
        if (oldest === undefined) return;
        finish(oldest);
        refuse('server-full', oldest);
        oldest.destroy();
      };
      const begin = (socket: Socket) => {
        const { remoteAddress } = socket;
        if (perAddress > 0 && hosts.of(remoteAddress) >= perAddress) {
          refuse('too-many-connections', socket);
          socket.destroy();
        } else {
          if (underWay.size >= HANDSHAKES) giveUpOldest();
          underWay.set(socket, remoteAddress);
          hosts.add(remoteAddress);
          // A peer that ends before its handshake is done has gone.
          socket.allowHalfOpen = false;
          server.emit('connection', socket);
        }
      };
      out.add(
        credentials$.subscribe((credentials) => {
          server.setSecureContext(credentials);
        }),
      );
      out.add(sockets$.subscribe(forward(out, begin)));
      out.add(() => {
        const brokenOff = [...underWay.keys()];
        underWay.clear();
        for (const socket of brokenOff) socket.destroy();
      });
    });
}

/** The certificate of the peer of a secured connection, or what is wrong with it. */
export function certificateOf(socket: TLSSocket): Certificate {
  // The type of Node allows for no missing certificate, and for no subject with several common names.
  const shown = socket.getPeerCertificate() as { readonly subject?: { readonly CN?: unknown } };
  // This comes first: Node calls a peer authorized that showed no certificate and resumed a session.
  if (Object.keys(shown).length === 0) return { flaw: 'none was shown' };
  if (!socket.authorized) return { flaw: String(socket.authorizationError) };
  const name = shown.subject?.CN;
  if (typeof name !== 'string') return { flaw: 'no common name, or several' };
  // A common name that has to be normalized could become another user's name.
  const problem = name === normalizeName(name) ? nameProblem(name) : 'a name is trimmed, and in NFC';
  return problem === undefined ? { name } : { flaw: `its common name is no name: ${problem}` };
}

/** The plain connection below a secured one. Node has no public name for it. */
function plainOf(socket: TLSSocket): Socket {
  return (socket as unknown as { readonly _parent: Socket })._parent;
}

/** What was wrong, in the words of OpenSSL or Node. It repeats nothing that the peer has written. */
function reasonOf(failure: Error): string {
  const { reason, code } = failure as NodeJS.ErrnoException & { readonly reason?: string };
  return reason ?? code ?? failure.message;
}
