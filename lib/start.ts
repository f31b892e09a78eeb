import { Subject } from 'rxjs';
import type { DrainReport, ServerEvent } from './model/server-events.ts';
import type { ServerOptions } from './server-options.ts';
import { chatServer } from './server.ts';
import { signalOrElse } from './shutdown.ts';

/** A chat server that listens. */
export interface RunningServer {
  /** The address of its endpoint, or the path of a Unix socket. With several, that of the last to listen. */
  readonly address: string;
  /** The port of that endpoint, also where the option was 0. A Unix socket has none. */
  readonly port: number | undefined;
  /** All of its endpoints, as text: `tcp://127.0.0.1:8080`. */
  readonly endpoints: readonly string[];
  /**
   * Resolves with the report when a shutdown has drained the server. Rejects where the server fails. Where an
   * Observable of the program or `onEvent` failed, it rejects after the drain. An unhandled rejection ends
   * the program.
   */
  readonly closed: Promise<DrainReport>;
  /**
   * Begins the shutdown. Returns `closed`: when it resolves, everything accepted was delivered, or abandoned
   * at the deadline. Further calls return the same promise, and do not cut the drain short.
   */
  close(): Promise<DrainReport>;
  /** `close`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * `chatServer` with promises. Resolves when the server listens at all of its endpoints. Rejects where
 * `chatServer` fails before that, and where a shutdown comes first.
 *
 * @param options as for `chatServer`; the first value of `shutdown$` changes nothing after `close`
 * @param onEvent hears each event of `chatServer`. An error that it throws begins a shutdown, and it hears no
 * further event. The promise, or `closed`, rejects with that error after the drain.
 */
export function startChatServer(
  options: Partial<ServerOptions> = {},
  onEvent: (event: ServerEvent) => void = () => {},
): Promise<RunningServer> {
  return new Promise((resolve, reject) => {
    const close$ = new Subject<void>();
    const shutdown$ = signalOrElse(options.shutdown$, close$);
    let bug: { readonly failure: unknown } | undefined;
    const tell = (event: ServerEvent) => {
      if (bug !== undefined) return;
      try {
        onEvent(event);
      } catch (failure) {
        bug = { failure };
        close$.next();
      }
    };
    const missing = Math.max(1, options.listen?.length ?? 0);
    const endpoints = new Set<string>();
    let fail = reject;
    let report: DrainReport | undefined;
    const closed = new Promise<DrainReport>((drained, failed) => {
      chatServer({ ...options, shutdown$ }).subscribe({
        next: (event) => {
          tell(event);
          if (event.type === 'drained') report = event.report;
          if (event.type !== 'listening' || bug !== undefined) return;
          endpoints.add(event.endpoint);
          if (endpoints.size < missing) return;
          fail = failed;
          const { address, port } = event;
          resolve({
            address,
            port,
            endpoints: [...endpoints],
            closed,
            close,
            [Symbol.asyncDispose]: dispose,
          });
        },
        error: (failure) => {
          fail(failure);
        },
        complete: () => {
          if (bug !== undefined) fail(bug.failure);
          else if (report !== undefined) drained(report);
          reject(new Error('the shutdown came before the server listened'));
        },
      });
    });
    const close = () => {
      close$.next();
      return closed;
    };
    const dispose = async () => {
      await close();
    };
  });
}
