import type { Server } from 'node:http';
import { Observable, type OperatorFunction } from 'rxjs';
import { forward } from '../model/forward.ts';
import type { ServerEvent } from '../model/server-events.ts';
import { type Answer, TIMEOUTS, guard } from './admin-guard.ts';
import type { Meter } from './meter.ts';
import { metricsOf } from './metrics.ts';

/** The place where the admin endpoint listens. */
export interface AdminOptions {
  /** An address of this machine. */
  readonly host: string;
  /** The port; 0 takes a free one. */
  readonly port: number;
}

/** An event of the admin endpoint, for the operator. */
export type AdminEvent =
  | {
      /** The endpoint listens. */
      readonly type: 'admin';
      /** Address that the endpoint listens on. */
      readonly address: string;
      /** Port that the endpoint listens on. */
      readonly port: number;
    }
  | {
      /** The endpoint cannot accept a connection, or cannot read the metrics. */
      readonly type: 'admin-failing';
      /** Message of the error. */
      readonly message: string;
    };

/** State of the server, in the words of `/readyz`. New connections are welcome while it is `ready`. */
type State = 'starting' | 'ready' | 'failing' | 'draining';

/**
 * An HTTP endpoint for the operator, as an operator on the events of a server. The endpoint listens before
 * the server does, follows it by its events, and closes when the server has ended, so that a drain can be
 * watched to its end. Where the address cannot be listened on, the result fails with Node's error, and the
 * server is not started.
 *
 * @param meter the meter that the server was given
 */
export async function adminEndpoint(
  { host, port }: AdminOptions,
  meter: Meter,
): Promise<OperatorFunction<ServerEvent, ServerEvent | AdminEvent>> {
  // Both are loaded here: a program without the endpoint starts faster.
  const [{ createServer }, registry] = await Promise.all([import('node:http'), metricsOf(meter)]);

  return (events$) =>
    new Observable((out) => {
      let state: State = 'starting';
      let scrape: Promise<string> | undefined;
      // Requests that come while the metrics are read share the reading.
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

      const server: Server = createServer(TIMEOUTS);
      guard(server, answer);
      server.on('error', (failure) => {
        if (server.listening) out.next({ type: 'admin-failing', message: failure.message });
        else out.error(failure);
      });
      server.listen({ host, port }, () => {
        // The lookup of the address may end after the subscription.
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
