import { createServer } from 'node:net';

/** The least that a Node program which listens does: what a start is compared with. */
createServer().listen(0, '127.0.0.1', () => {
  console.log('listening');
});
