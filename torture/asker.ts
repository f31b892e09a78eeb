import { type Habits, Peer, type Place } from './peer.ts';
import type { Random } from './random.ts';

/** Destinations of a line, at most: what the server is started with. */
export const MOST_RECIPIENTS = 1000;

/** Lines in one write. */
const BURST = 20;

/** How a line is to be answered. */
interface Answer {
  /** What each line of it begins with. */
  readonly beginnings: readonly string[];
  /** How many times the last of them comes. */
  readonly times: number;
  /** Whether the line counts as a message. */
  readonly isMessage: boolean;
}

/**
 * A peer that has the server answer as much as it can, as fast as it can, and checks that each line is
 * answered, whole and in order.
 */
export class Asker extends Peer {
  readonly #random: Random;
  readonly #writesToItself: boolean;
  /** For lines that are not answered whole. */
  readonly #due: Answer[] = [];
  /** Of `due`, and within the first that is left of them. */
  #answered = 0;
  #part = 0;
  #messages = 0;
  #toItself = 0;
  #written = 0;

  constructor(place: Place, name: string, random: Random, habits: Habits) {
    super(place, name, habits, {
      onLine: (line) => {
        this.#hear(line);
      },
    });
    this.#random = random;
    this.#writesToItself = habits.neverReads !== true;
  }

  ask(): void {
    this.pour(() => Array.from({ length: BURST }, () => this.#line()).join(''));
  }

  /** What was wrong in the end, for one who has read all. */
  get verdict(): string[] {
    const faults: string[] = [];
    const { closing } = this.transcript;
    if (this.#part > 0) faults.push(`${this.name}: an answer ended at its line ${this.#part}`);
    if (closing !== undefined && closing.accepted !== this.#messages) {
      faults.push(`${this.name}: told accepted ${closing.accepted}, ${this.#messages} were answered`);
    }
    return faults;
  }

  /** A line that asks for much, with what is to be heard of it. */
  #line(): string {
    const number = (this.#written += 1);
    const kinds = ['who', 'ping', 'unknown', 'nonsense', 'absent', 'list', 'itself'] as const;
    switch (this.#random.pick(kinds)) {
      case 'who':
        return this.#expect('/who', ['* who ']);
      case 'ping':
        return this.#expect(`/ping ${number}`, [`* pong ${number}`]);
      case 'unknown':
        return this.#expect(`/unknown-${number}`, [`! unknown-command /unknown-${number}:`]);
      case 'nonsense':
        return this.#expect('nobody is meant', ['! no-recipient:']);
      case 'absent':
        return this.#expect(`absent-${number}: hi`, [`! not-connected absent-${number}:`], 1, true);
      case 'list': {
        const size = this.#random.pick([2, 2, 10, 10, 50, MOST_RECIPIENTS, MOST_RECIPIENTS + 1]);
        const line = `${Array.from({ length: size }, (_, index) => `no-${index}`).join(',')}: hi`;
        return size > MOST_RECIPIENTS
          ? this.#expect(line, [`! too-many-recipients ${MOST_RECIPIENTS}:`])
          : this.#expect(line, ['! not-connected no-'], size, true);
      }
      case 'itself': {
        if (!this.#writesToItself) return '\n';
        this.#toItself += 1;
        const beginnings = [`from ${this.name}: ${this.#toItself}`, '! not-connected no-0:'];
        return this.#expect(`${this.name}, no-0: ${this.#toItself}`, beginnings, 1, true);
      }
    }
  }

  #expect(line: string, beginnings: readonly string[], times = 1, isMessage = false): string {
    this.#due.push({ beginnings, times, isMessage });
    return `${line}\n`;
  }

  #hear(line: string): void {
    if (line.startsWith('* welcome ') || line.startsWith('* closing ') || line.startsWith('! slow-consumer:'))
      return;
    const answer = this.#due[this.#answered];
    const { beginnings = [], times = 0, isMessage = false } = answer ?? {};
    const beginning = beginnings[Math.min(this.#part, beginnings.length - 1)];
    if (beginning === undefined || !line.startsWith(beginning)) {
      this.transcript.faults.push(`read '${line.slice(0, 100)}' where '${beginning ?? 'nothing'}' was due`);
    }
    this.#part += 1;
    if (this.#part < beginnings.length - 1 + times) return;
    this.#part = 0;
    this.#answered += 1;
    if (isMessage) this.#messages += 1;
  }
}
