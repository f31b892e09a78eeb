// A chat server beside an HTTP server, which writes what it is posted to the chat, and one shutdown for both:
// `curl -d 'hello' http://127.0.0.1:8081/alice` answers 202 when alice gets it, 404 when she is not here.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { bot, startChatServer } from 'a-chat';
import { Subject } from 'rxjs';

/** @type {Subject<import('a-chat').Said>} */
const posted$ = new Subject();

const chat = await startChatServer({
  port: Number(process.env.PORT ?? 8080),
  connections$: bot('web', () => posted$),
});

/**
 * Resolves with the status that tells what became of a message.
 *
 * @param {string} to
 * @param {string} text
 * @returns {Promise<number>}
 */
function post(to, text) {
  return new Promise((resolve) => {
    posted$.next({
      to,
      text,
      onTaken: ([refusal]) => {
        if (refusal === undefined) resolve(202);
        else if (refusal.code === 'not-connected') resolve(404);
        else resolve(refusal.code === 'ended' ? 503 : 400);
      },
    });
    // Nobody says it any more.
    if (!posted$.observed) resolve(503);
  });
}

const web = createServer(async (request, response) => {
  let status = 400;
  try {
    const to = decodeURIComponent(request.url?.slice(1) ?? '');
    status = request.method === 'POST' ? await post(to, await text(request)) : 405;
  } catch {
    // What is no path, or broke off.
  }
  response.writeHead(status).end();
}).listen(Number(process.env.HTTP_PORT ?? 8081), '127.0.0.1');
await once(web, 'listening');
const address = /** @type {import('node:net').AddressInfo} */ (web.address());
console.log(`chat on port ${chat.port}, HTTP on port ${address.port}`);

const stop = async () => {
  // What is still being posted is to be delivered: first the requests end, then the chat.
  web.close();
  web.closeIdleConnections();
  await once(web, 'close');
  const { abandoned } = await chat.close();
  console.log(`closed, ${abandoned} messages abandoned`);
  process.exitCode = abandoned === 0 ? 0 : 1;
};
process.once('SIGINT', stop).once('SIGTERM', stop);
