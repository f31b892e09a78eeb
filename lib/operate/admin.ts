import type { Server } from 'node:http';
import { Observable, type OperatorFunction } from 'rxjs';
import { forward } from '../model/forward.ts';
import type { ServerEvent } from '../model/server-events.ts';
import { type Answer, LIMITS, guard } from './admin-guard.ts';
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
      /** It cannot accept a connection, or tell the metrics. */
      readonly type: 'admin-failing';
      /** What the system says. */
      readonly message: string;
    };

/** Whether new connections are welcome, in the words of `/readyz`. */
type State = 'starting' | 'ready' | 'failing' | 'draining';

/**
 * An HTTP endpoint for the operator beside a server, as an operator on the server's events: it listens before
 * the server does, follows it by its events, and ends when it ends, so that a drain can be watched to its
 * end. Emits Node's error where the address cannot be listened on; the server is not started then.
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
      let scrape: Promise<string> | undefined;
      // Whoever asks meanwhile is told the same.
      const metrics = () => (scrape ??= registry.metrics().finally(() => (scrape = undefined)));
      const answer: Answer = async (path) => {
        switch (path) {
          case '/healthz':
            return { status: 200, text: 'ok\n' };
          case '/readyz':
            return { status: state === 'ready' ? 200 : 503, text: `${state}\n` };
          case '/metrics':
            try {
              return { status: 200, text: await metrics(), type: registry.contentType };
            } catch (failure) {
              const message = `no metrics: ${failure instanceof Error ? failure.message : String(failure)}`;
              out.next({ type: 'admin-failing', message });
              return { status: 500, text: 'the metrics cannot be told, the log says why\n' };
            }
          default:
            return { status: 404, text: 'there are /healthz, /readyz and /metrics\n' };
        }
      };

      const server: Server = createServer(LIMITS);
      guard(server, answer);
      server.on('error', (failure) => {
        if (server.listening) out.next({ type: 'admin-failing', message: failure.message });
        else out.error(failure);
      });
      server.listen({ host, port }, () => {
        // The address may have taken a while to be found.
        if (out.closed) {
          server.close();
          return;
        }
        const address = server.address();
        if (address !== null && typeof address === 'object') {
          out.next({ type: 'admin', address: address.address, port: address.port });
        }
        const next = (event: ServerEvent) => {
          state = after(state, event);
          out.next(event);
        };
        out.add(events$.subscribe(forward(out, next)));
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
