import { connect } from 'node:net';
import type { Readable, Writable } from 'node:stream';

export interface ClientOptions {
  readonly host: string;
  readonly port: number;
  /** Sent as the first line, if given. */
  readonly name: string | undefined;
}

/**
 * The client: `input` to the server, the server's lines to `output`. When the input ends it half-closes, so that what
 * is on its way still arrives; it is done when the server has ended too. Rejects with Node's error where the connection
 * fails.
 */
export function chat(options: ClientOptions, input: Readable, output: Writable): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: options.host, port: options.port, noDelay: true });
    if (options.name !== undefined) socket.write(`${options.name}\n`);
    input.pipe(socket);
    socket.pipe(output, { end: false });
    // Whoever reads the output has had enough.
    output.once('error', () => socket.destroy());
    socket.once('error', reject);
    socket.once('close', () => {
      input.unpipe(socket);
      // An input that nobody reads to its end, a terminal above all, would keep the process alive.
      input.destroy();
      resolve();
    });
  });
}
