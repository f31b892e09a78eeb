import { Agent, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { until } from './until.ts';

/**
 * The admin endpoint of a program, asked as an operator does, over one connection as long as that is kept.
 */
export class Admin {
  readonly #port: number;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });

  constructor(port: unknown) {
    this.#port = Number(port);
  }

  get(path: string, method = 'GET'): Promise<{ status: number | undefined; type: string; text: string }> {
    return new Promise((resolve, reject) => {
      const options = { agent: this.#agent, host: '127.0.0.1', port: this.#port, path, method };
      request(options, (response) => {
        const { statusCode: status, headers } = response;
        const type = headers['content-type'] ?? '';
        text(response).then((answer) => {
          resolve({ status, type, text: answer });
        }, reject);
      })
        .on('error', reject)
        .end();
    });
  }

  /** Asks until the answer is `text`, or fits. */
  async until(path: string, text: string | ((answer: string) => boolean)): Promise<void> {
    const fits = typeof text === 'string' ? (answer: string) => answer === text : text;
    let last = '';
    await until(
      async () => fits((last = (await this.get(path)).text)),
      () => `${path}; is ${last}`,
    );
  }

  /** A sample of each series, by its name with its labels: `a_chat_refusals_total{code="name-taken"}`. */
  async samples(): Promise<Map<string, number>> {
    const { text: metrics } = await this.get('/metrics');
    return samplesOf(metrics);
  }
}

/** The samples in the text that Prometheus reads. */
export function samplesOf(text: string): Map<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const [, name = '', value = ''] = /^([a-z_0-9]+(?:\{[^}]*\})?) (\S+)$/i.exec(line) ?? [];
      if (name === '') throw new Error(`no sample: ${line}`);
      return [name, Number(value)];
    }),
  );
}
