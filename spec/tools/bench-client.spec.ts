import { once } from 'node:events';
import { type AddressInfo, type Socket, createServer } from 'node:net';
import { Client } from '../../bench/client.ts';
import { Stream } from '../../bench/stream.ts';
import { type WireName, wires } from '../../bench/wire.ts';

const servers = new Set<ReturnType<typeof createServer>>();
afterEach(() => {
  for (const server of servers) server.close();
  servers.clear();
});

/**
 * What the client of the benchmark makes of three messages, `m00000000` and so on, that a server sends as
 * `said`.
 */
async function judge(wire: WireName, greeting: string, said: string): Promise<string> {
  const server = createServer((socket: Socket) => {
    socket.on('error', () => {});
    socket.write(greeting);
    // Not before the greeting was read: what follows is judged byte for byte.
    let heard = '';
    socket.on('data', (chunk) => {
      heard += chunk.toString();
      if (heard.endsWith('go\n')) socket.write(said);
    });
  }).listen(0, '127.0.0.1');
  servers.add(server);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const inbox = new Stream((number) => wires[wire].received('c', 's', `m${number}`), 3, 1024);
  return new Promise((resolve) => {
    const client: Client = new Client(port, 'bob', inbox, wires[wire], {
      received: () => {
        if (!inbox.done) return;
        client.leave();
        resolve('complete');
      },
      fault: resolve,
    });
    void client.login(wires[wire].receiver('bob', 'c')).then(() => client.socket.write('go\n'));
  });
}

const welcome = '* welcome bob\n';
const reflected = 'from bob: here\n';
const announced = '<announce> 127.0.0.1 is connected as <user4>.\n';

test.each<[WireName, string, string]>([
  ['chat', welcome, 'from s: m00000000\nfrom s: m00000001\nfrom s: m00000002\n'],
  ['plain', reflected, 'from s: m00000000\nfrom s: m00000001\nfrom s: m00000002\n'],
  ['plain', welcome + reflected, 'from s: m00000000\nfrom s: m00000001\nfrom s: m00000002\n'],
  ['ncat', announced, `<user5> m00000000\nm0000<user5> 0001\n${announced}m00000002\n`],
  ['nats', 'PONG\r\n', [0, 1, 2].map((n) => `PING\r\nMSG c 1 9\r\nm0000000${n}\r\n`).join('')],
])('%s: what arrives whole and in order is complete', async (wire, greeting, said) => {
  expect(await judge(wire, greeting, said)).toBe('complete');
});

test.each<[string, WireName, string, string]>([
  ['lost', 'plain', reflected, 'from s: m00000000\nfrom s: m00000002\n'],
  ['from somebody else', 'plain', reflected, 'from t: m00000000\n'],
  ['of other content', 'ncat', announced, '<user5> m00000000\nm0000000x\n'],
  ['twice', 'ncat', announced, '<user5> m00000000\n<user5> m00000000\n'],
  ['broken by a notice', 'nats', 'PONG\r\n', 'MSG c 1 9\r\nm000PING\r\n00000\r\n'],
  ['between notices nobody makes', 'ncat', announced, '<other> m00000000\n'],
])('a message that is %s is a fault', async (_what, wire, greeting, said) => {
  expect(await judge(wire, greeting, said)).toMatch(/^bob: message \d: expected /);
});
