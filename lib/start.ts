import { Subject } from 'rxjs';
import type { DrainReport, ServerEvent } from './model/server-events.ts';
import type { ServerOptions } from './server-options.ts';
import { chatServer } from './server.ts';
import { signalOrElse } from './shutdown.ts';

/** A chat server that listens. */
export interface RunningServer {
  /** The address of its endpoint, or the path of a Unix socket; of the last one, where it has several. */
  readonly address: string;
  /** The one that it took, where the option was 0; a Unix socket has none. */
  readonly port: number | undefined;
  /** All of its endpoints, as one writes them. */
  readonly endpoints: readonly string[];
  /**
   * Resolves when a shutdown, whatever began it, has drained the server; rejects when it ended in another
   * way, or when something that the program gave it failed, once what was accepted is delivered. Left
   * unhandled, that rejection ends the program, as any does.
   */
  readonly closed: Promise<DrainReport>;
  /**
   * Begins the shutdown and resolves with how it went: all that was accepted is delivered, or was abandoned
   * at the deadline. It may be called any number of times, for the same promise; that cuts nothing short.
   */
  close(): Promise<DrainReport>;
  /** `close`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * `chatServer` with promises: resolves when the server listens, at all of its endpoints. Rejects where
 * `chatServer` fails, and where the shutdown came before the server listened.
 *
 * @param options as for `chatServer`; a first value of `shutdown$` that comes after `close` changes nothing
 * @param onEvent hears each event of `chatServer`. What it throws begins a shutdown, as `close` does, and is
 * what the promise,
 *   or `closed`, is rejected with once the server is drained; it hears of nothing more.
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
