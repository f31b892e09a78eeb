import type { IncomingMessage, Server, ServerOptions, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** What is said to a request. */
export interface Reply {
  readonly status: number;
  readonly text: string;
  readonly type?: string;
}

/** Answers a request for a path. */
export type Answer = (path: string) => Promise<Reply>;

/**
 * ms that a request may take to come, its answer to be taken, and the next request of a connection to begin.
 */
const PATIENCE = 5000;

/** For `createServer`. */
export const LIMITS: ServerOptions = {
  headersTimeout: PATIENCE,
  requestTimeout: PATIENCE,
  keepAliveTimeout: PATIENCE,
  connectionsCheckingInterval: 1000,
};

/** Connections at a time: of the descriptors, the chat leaves more than that to others. */
const CONNECTIONS = 32;

/** Requests of a connection that may wait for the answer of the one before. */
const WAITING = 16;

/**
 * Answers the requests to a server, and bounds what anybody can make it cost. A new connection takes the
 * place of the oldest that asks nothing, so that a probe is answered however many are idle. The requests of a
 * connection are answered one after the other, each when the answer before it was taken.
 */
export function guard(server: Server, answer: Answer): void {
  /** The oldest first, with the requests that were not answered yet. */
  const open = new Map<Socket, [IncomingMessage, ServerResponse][]>();

  server.on('connection', (socket) => {
    if (open.size >= CONNECTIONS) {
      const [oldest] = open.keys();
      const [idle = oldest] = [...open.keys()].filter((one) => open.get(one)?.length === 0);
      // Not only when it is closed: more may come before that.
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
    if (waiting.length >= WAITING) socket.destroy();
    else if (waiting.push([request, response]) === 1) void serve(waiting);
  });

  const serve = async (waiting: [IncomingMessage, ServerResponse][]): Promise<void> => {
    for (let [next] = waiting; next !== undefined; [next] = waiting) {
      const [request, response] = next;
      const late = setTimeout(() => request.socket.destroy(), PATIENCE);
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

/** The path that is asked for, also where the whole address is given, as to a proxy. */
function pathOf(url: string): string {
  const path = url.replace(/^https?:\/\/[^/?#]*/i, '').replace(/[?#].*/, '');
  return path === '' ? '/' : path;
}

/** Resolves when the answer was taken, or cannot be. */
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
