// A chat server beside an HTTP server, which writes what it is posted to the chat, and one shutdown for both:
// `curl -d 'hello' http://127.0.0.1:8081/alice` when alice is here.
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

const web = createServer(async (request, response) => {
  try {
    const to = decodeURIComponent(request.url?.slice(1) ?? '');
    posted$.next({ to, text: await text(request) });
    response.writeHead(202).end();
  } catch {
    response.writeHead(400).end();
  }
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
