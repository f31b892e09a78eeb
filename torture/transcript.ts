export interface Hearing {
  /** Others wrote to that name before it was here: what is the first number is no fault. */
  readonly midway?: boolean;
  /** Hears each line. */
  readonly onLine?: (line: string) => void;
}

/**
 * What one peer was sent. Each message's text is the sender's count of messages to this very recipient, so
 * there is but one number that may come next.
 */
export class Transcript {
  /** Last number received from each sender; without a fault it is how many there were. */
  readonly heard = new Map<string, number>();
  /** What was wrong: gaps, duplicates, lines out of order. */
  readonly faults: string[] = [];
  received = 0;
  closing: { readonly reason: string; readonly accepted: number; readonly delivered: number } | undefined;
  welcome = false;
  /** Whether a login was refused. */
  refused = false;
  /** Lines about recipients that were not here. */
  notConnected = 0;
  readonly #hearing: Hearing;
  #rest = '';

  constructor(hearing: Hearing = {}) {
    this.#hearing = hearing;
  }

  add(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) this.#take(line);
  }

  #take(line: string): void {
    this.#hearing.onLine?.(line);
    if (this.closing !== undefined) this.faults.push(`after the closing line: ${line}`);
    if (!line.startsWith('from ')) {
      this.#notice(line);
      return;
    }
    const colon = line.indexOf(': ');
    const sender = line.slice(5, colon);
    const number = Number(line.slice(colon + 2));
    const last = this.heard.get(sender) ?? (this.#hearing.midway === true ? number - 1 : 0);
    this.received += 1;
    if (number !== last + 1) this.faults.push(`from ${sender}: ${number} after ${last}`);
    this.heard.set(sender, number);
  }

  #notice(line: string): void {
    if (line.startsWith('* welcome ')) this.welcome = true;
    if (line.startsWith('! name-taken ')) this.refused = true;
    if (line.startsWith('! not-connected ')) this.notConnected += 1;
    const closing = /^\* closing (\S+): accepted (\d+), delivered (\d+)$/.exec(line);
    if (closing === null) return;
    const [, reason = '', accepted, delivered] = closing;
    this.closing = { reason, accepted: Number(accepted), delivered: Number(delivered) };
  }
}
