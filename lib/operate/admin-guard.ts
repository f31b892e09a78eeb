import type { IncomingMessage, Server, ServerOptions, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** The reply to a request. */
export interface Reply {
  readonly status: number;
  readonly text: string;
  readonly type?: string;
}

/** Makes the reply to a request for a path. */
export type Answer = (path: string) => Promise<Reply>;

/**
 * ms for a request to arrive, for its reply to be taken, and until the next request of a connection begins.
 */
const PATIENCE_MS = 5000;

/** Time-outs of the connections, for `createServer`. */
export const TIMEOUTS: ServerOptions = {
  headersTimeout: PATIENCE_MS,
  requestTimeout: PATIENCE_MS,
  keepAliveTimeout: PATIENCE_MS,
  connectionsCheckingInterval: 1000,
};

/** Connections that may be open. The chat leaves more descriptors than that free. */
const MAX_CONNECTIONS = 32;

/** Requests of one connection that may wait for the reply to the one before. */
const MAX_WAITING_REQUESTS = 16;

/**
 * Answers the requests to a server, and bounds what a client can make it cost. A new connection takes the
 * place of the oldest idle one, so that a probe is answered however many are idle. The requests of a
 * connection are answered one after the other, each when the client took the reply before it.
 */
export function guard(server: Server, answer: Answer): void {
  /** Open connections, the oldest first, each with its requests that have no reply yet. */
  const open = new Map<Socket, [IncomingMessage, ServerResponse][]>();

  server.on('connection', (socket) => {
    if (open.size >= MAX_CONNECTIONS) {
      const [oldest] = open.keys();
      const [idle = oldest] = [...open.keys()].filter((one) => open.get(one)?.length === 0);
      // The close takes a moment, and more connections may come before it is done.
      if (idle !== undefined) open.delete(idle);
      idle?.destroy();
    }
    open.set(socket, []);
    socket.once('close', () => open.delete(socket));
  });

  server.on('request', (request, response) => {
    const { socket } = request;
    const waiting = open.get(socket);
    if (waiting === undefined) return;
    if (waiting.length >= MAX_WAITING_REQUESTS) socket.destroy();
    else if (waiting.push([request, response]) === 1) void serve(waiting);
  });

  const serve = async (waiting: [IncomingMessage, ServerResponse][]): Promise<void> => {
    for (let [next] = waiting; next !== undefined; [next] = waiting) {
      const [request, response] = next;
      const late = setTimeout(() => request.socket.destroy(), PATIENCE_MS);
      const isRead = request.method === 'GET' || request.method === 'HEAD';
      const reply = isRead ? await answer(pathOf(request.url ?? '')) : NOT_ALLOWED;
      await sent(response, reply);
      clearTimeout(late);
      if (request.socket.destroyed) return;
      waiting.shift();
    }
  };
}

const NOT_ALLOWED: Reply = { status: 405, text: 'only GET and HEAD\n' };

/** The path of a request. A request as to a proxy gives the whole address. */
function pathOf(url: string): string {
  const path = url.replace(/^https?:\/\/[^/?#]*/i, '').replace(/[?#].*/, '');
  return path === '' ? '/' : path;
}

/** Resolves when the client took the reply, or cannot take it any more. */
function sent(
  response: ServerResponse,
  { status, text, type = 'text/plain; charset=utf-8' }: Reply,
): Promise<void> {
  return new Promise((resolve) => {
    response.once('finish', resolve).once('close', resolve);
    if (response.destroyed) resolve();
    if (status === 405) response.setHeader('allow', 'GET, HEAD');
    response
      .writeHead(status, {
        'content-type': type,
        'content-length': Buffer.byteLength(text),
        'cache-control': 'no-store',
      })
      .end(text);
  });
}
