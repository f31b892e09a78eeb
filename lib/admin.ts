import type { Server, ServerResponse } from 'node:http';
import { Observable, type OperatorFunction } from 'rxjs';
import type { ServerEvent } from './events.ts';
import type { Meter } from './meter.ts';
import { metricsOf } from './metrics.ts';

/** Where the admin endpoint is to listen. */
export interface AdminOptions {
  /** An address of this machine. */
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
}

/** What an operator wants to know of the admin endpoint. */
export type AdminEvent =
  | {
      /** It listens. */
      readonly type: 'admin';
      /** The address that it listens on. */
      readonly address: string;
      /** The port that it took. */
      readonly port: number;
    }
  | {
      /** It cannot accept a connection. */
      readonly type: 'admin-failing';
      /** What the system says. */
      readonly message: string;
    };

/** Whether new connections are welcome, in the words of `/readyz`. */
type State = 'starting' | 'ready' | 'failing' | 'draining';

/**
 * An HTTP endpoint for the operator beside a server, as an operator on the server's events: it listens before the
 * server does, follows it by its events, and ends when it ends, so that a drain can be watched to its end. Emits Node's
 * error where the address cannot be listened on; the server is not started then.
 *
 * @param meter the one that the server was given
 */
export async function adminEndpoint(
  { host, port }: AdminOptions,
  meter: Meter,
): Promise<OperatorFunction<ServerEvent, ServerEvent | AdminEvent>> {
  // Loaded by those who want it: a start is quicker without.
  const [{ createServer }, registry] = await Promise.all([import('node:http'), metricsOf(meter)]);

  return (events$) =>
    new Observable((out) => {
      let state: State = 'starting';
      const answer = (url: string, response: ServerResponse): void => {
        switch (url) {
          case '/healthz':
            send(response, 200, 'ok\n');
            return;
          case '/readyz':
            send(response, state === 'ready' ? 200 : 503, `${state}\n`);
            return;
          case '/metrics':
            registry.metrics().then(
              (text) => {
                send(response, 200, text, registry.contentType);
              },
              (failure: unknown) => {
                out.error(failure);
              },
            );
            return;
          default:
            send(response, 404, 'there are /healthz, /readyz and /metrics\n');
        }
      };

      const server: Server = createServer(({ method, url = '' }, response) => {
        if (method === 'GET' || method === 'HEAD') answer(url.replace(/\?.*/, ''), response);
        else send(response.setHeader('allow', 'GET, HEAD'), 405, 'only GET and HEAD\n');
      });
      server.on('error', (failure) => {
        if (server.listening) out.next({ type: 'admin-failing', message: failure.message });
        else out.error(failure);
      });
      server.listen({ host, port }, () => {
        const address = server.address();
        if (address !== null && typeof address === 'object') {
          out.next({ type: 'admin', address: address.address, port: address.port });
        }
        const server$ = events$.subscribe({
          next: (event) => {
            state = after(state, event);
            out.next(event);
          },
          error: (failure: unknown) => {
            out.error(failure);
          },
          complete: () => {
            out.complete();
          },
        });
        out.add(server$);
      });
      out.add(() => {
        server.close();
        server.closeAllConnections();
      });
    });
}

function after(state: State, { type }: ServerEvent): State {
  if (state === 'draining') return state;
  if (type === 'listening') return 'ready';
  return type === 'failing' || type === 'draining' ? type : state;
}

function send(response: ServerResponse, status: number, text: string, type = 'text/plain; charset=utf-8') {
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(text);
}
