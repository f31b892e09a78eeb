// A test of a program that talks to the chat, against a server of its own: `node --test examples/*.test.js`.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, test } from 'node:test';
import { startChatServer } from 'a-chat';

/** @type {import('a-chat').RunningServer} */
let server;
let port = 0;

beforeEach(async () => {
  server = await startChatServer({ port: 0 });
  // Only a Unix socket has none.
  port = server.port ?? 0;
});

afterEach(async () => {
  const { abandoned } = await server.close();
  assert.equal(abandoned, 0);
});

/** Greets `name`, as a program of yours may. @param {number} at @param {string} name */
function greet(at, name) {
  return connect(at, '127.0.0.1').end(`greeter\n${name}: hello\n`);
}

test('the greeter greets', async () => {
  const socket = connect(port, '127.0.0.1');
  const lines = createInterface(socket)[Symbol.asyncIterator]();
  socket.write('alice\n');
  assert.equal((await lines.next()).value, '* welcome alice');

  greet(port, 'alice').resume();
  assert.equal((await lines.next()).value, 'from greeter: hello');

  socket.end();
  await once(socket, 'close');
});
