import net from 'node:net';

/**
 * Writes numbers to itself over one connection after the other, each from where the last one was told to
 * resume.
 */
export class Walker {
  accepted = 0;
  connections = 0;
  readonly received: number[] = [];
  readonly failures: string[] = [];
  #stopped = false;

  /** @param at a port of this machine, or the path of a Unix socket */
  async walk(at: number | string): Promise<void> {
    while (!this.#stopped && this.failures.length === 0) await this.#connect(at);
  }

  stop(): void {
    this.#stopped = true;
  }

  #connect(at: number | string): Promise<void> {
    return new Promise((resolve) => {
      let text = '';
      let next = this.accepted + 1;
      let lines = 0;
      const say = () => {
        socket.write(`walker: ${next}\n`);
        next += 1;
      };
      const where = typeof at === 'string' ? { path: at } : { port: at, host: '127.0.0.1' };
      const socket = net.connect(where, () => {
        this.connections += 1;
        socket.write('walker\n');
        for (let ahead = 0; ahead < 20; ahead += 1) say();
      });
      socket.on('error', ({ message }) => this.failures.push(message)).on('close', resolve);
      socket.on('data', (data: Buffer) => {
        text += data.toString();
        const whole = text.split('\n').slice(0, -1);
        for (const line of whole.slice(lines)) {
          if (line.startsWith('from walker: ')) {
            this.received.push(Number(line.slice('from walker: '.length)));
            say();
          }
          const taken = /^\* closing .*: accepted (\d+)/.exec(line)?.[1];
          if (taken !== undefined) this.accepted += Number(taken);
        }
        lines = whole.length;
      });
    });
  }
}
