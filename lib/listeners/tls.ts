import type { Socket } from 'node:net';
import { type TLSSocket, createServer } from 'node:tls';
import { Observable, type OperatorFunction } from 'rxjs';
import { forward } from '../model/forward.ts';
import { HostCount } from '../protocol/address.ts';
import type { Credentials } from '../settings/tls-files.ts';
import type { RefusalCode } from '../model/server-events.ts';
import { nameProblem, normalizeName } from '../protocol/names.ts';
import type { Certificate } from '../model/session.ts';

export interface SecureOptions {
  /** ms that a handshake may take. */
  readonly handshakeTimeout: number;
  /** Handshakes of one address at a time; 0 for any number. */
  readonly maxConnectionsPerAddress: number;
  /** Whether peers are to show a certificate. */
  readonly requestCert: boolean;
}

/** Hears of a connection that is not let in, and for a failed handshake what was wrong with it. */
export type Refuse = (code: RefusalCode, socket: Socket, detail?: string) => void;

/** Handshakes at a time: each takes memory and time for somebody whom nobody knows yet. */
export const HANDSHAKES = 512;

/**
 * Plain connections as secured ones: each comes out when its handshake is done. The latest of `credentials$`,
 * whose first must be there at once, hold for the handshakes that begin. Unsubscribing breaks off those under
 * way.
 */
export function secure(
  credentials$: Observable<Credentials>,
  { handshakeTimeout, maxConnectionsPerAddress: perAddress, requestCert }: SecureOptions,
  refuse: Refuse,
): OperatorFunction<Socket, TLSSocket> {
  return (sockets$) =>
    new Observable((out) => {
      /** With their addresses, because a connection that is closed does not know any more. */
      const underWay = new Map<Socket, string | undefined>();
      const hosts = new HostCount();
      const finish = (socket: Socket) => {
        hosts.remove(underWay.get(socket));
        return underWay.delete(socket);
      };
      // It does not listen: connections are handed to it. Whoever shows no good certificate is let through,
      // to be told why in a line of the chat; the alert that TLS has for it says less.
      const server = createServer({ handshakeTimeout, requestCert, rejectUnauthorized: false });
      server.on('secureConnection', (socket) => {
        finish(plainOf(socket));
        socket.allowHalfOpen = true;
        // Node tells of a record that is broken and leaves the connection open, though nothing passes there
        // any more.
        socket.on('error', () => socket.destroy());
        out.next(socket);
      });
      server.on('tlsClientError', (failure, socket) => {
        const plain = plainOf(socket);
        socket.destroy();
        if (finish(plain)) refuse('tls-failed', plain, reasonOf(failure));
      });

      // Whoever means it is done in no time: those who do not would keep everybody out if they were served to
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
          // A peer that ends before the handshake is done has gone.
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

/** The certificate that the peer of a secured connection was asked for. */
export function certificateOf(socket: TLSSocket): Certificate {
  // The type knows of subjects with one common name only, and of certificates that are there.
  const shown = socket.getPeerCertificate() as { readonly subject?: { readonly CN?: unknown } };
  // Looked at first: Node holds a peer for authorized that showed nothing and then resumed its session.
  if (Object.keys(shown).length === 0) return { flaw: 'none was shown' };
  if (!socket.authorized) return { flaw: String(socket.authorizationError) };
  const name = shown.subject?.CN;
  if (typeof name !== 'string') return { flaw: 'no common name, or several' };
  // What is no name as it stands would be somebody else's once it is made one.
  const problem = name === normalizeName(name) ? nameProblem(name) : 'a name is trimmed, and in NFC';
  return problem === undefined ? { name } : { flaw: `its common name is no name: ${problem}` };
}

/** The connection below a secured one. Node has no public name for it. */
function plainOf(socket: TLSSocket): Socket {
  return (socket as unknown as { readonly _parent: Socket })._parent;
}

/** What was wrong, in OpenSSL's words or Node's; nothing that the peer has written. */
function reasonOf(failure: Error): string {
  const { reason, code } = failure as NodeJS.ErrnoException & { readonly reason?: string };
  return reason ?? code ?? failure.message;
}
