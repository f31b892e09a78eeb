import { Subject, filter, merge, tap } from 'rxjs';
import type { DrainReport, ServerEvent } from './events.ts';
import type { ServerOptions } from './options.ts';
import { chatServer } from './server.ts';
import { signalsOf } from './shutdown.ts';

/** A chat server that listens. */
export interface RunningServer {
  /** The address of its endpoint, or the path of a Unix socket; of the last one, where it has several. */
  readonly address: string;
  /** The one that it took, where the option was 0; a Unix socket has none. */
  readonly port: number | undefined;
  /** All of its endpoints, as one writes them. */
  readonly endpoints: readonly string[];
  /**
   * Resolves when a shutdown, whatever began it, has drained the server; rejects when it ended in another way. Left
   * unhandled, that rejection ends the program, as any does.
   */
  readonly closed: Promise<DrainReport>;
  /**
   * Begins the shutdown and resolves with how it went: all that was accepted is delivered, or was abandoned at the
   * deadline. It may be called any number of times, for the same promise; that cuts nothing short.
   */
  close(): Promise<DrainReport>;
  /** `close`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * `chatServer` with promises: resolves when the server listens, at all of its endpoints. Rejects where `chatServer` fails, and where the shutdown
 * came before the server listened.
 *
 * @param options as for `chatServer`; a first value of `shutdown$` that comes after `close` changes nothing
 * @param onEvent hears each event of `chatServer`
 */
export function startChatServer(
  options: Partial<ServerOptions> = {},
  onEvent: (event: ServerEvent) => void = () => {},
): Promise<RunningServer> {
  return new Promise((resolve, reject) => {
    let begun = false;
    const close$ = new Subject<void>();
    // Who begins a shutdown that has begun does not mean its second value, which would cut it short.
    const theirs$ = signalsOf(options.shutdown$).pipe(filter((_, index) => index > 0 || !begun));
    const shutdown$ = merge(close$, theirs$).pipe(
      tap(() => {
        begun = true;
      }),
    );
    const missing = Math.max(1, options.listen?.length ?? 0);
    const endpoints = new Set<string>();
    let fail = reject;
    const closed = new Promise<DrainReport>((drained, failed) => {
      chatServer({ ...options, shutdown$ }).subscribe({
        next: (event) => {
          onEvent(event);
          if (event.type === 'drained') drained(event.report);
          if (event.type !== 'listening') return;
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
          fail(new Error('the shutdown came before the server listened'));
        },
      });
    });
    const close = () => {
      if (!begun) close$.next();
      return closed;
    };
    const dispose = async () => {
      await close();
    };
  });
}
