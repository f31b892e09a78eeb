import { Duplex } from 'node:stream';
import { Observable, type OperatorFunction, Subject, Subscription, defer, of } from 'rxjs';
import { nameProblem, normalizeName } from './protocol/names.ts';
import { errorOf, messageOf } from './protocol/wire.ts';

/** A message that a bot receives. */
export interface Heard {
  /** The sender's name. */
  readonly from: string;
  /** The text of the message: one line. */
  readonly text: string;
}

/** A message that a bot sends. */
export interface Said {
  /** One name or several. One that is invalid refuses the whole message. */
  readonly to: string | readonly string[];
  /** The text of the message. Line breaks become spaces: a message is one line. */
  readonly text: string;
  /**
   * Called once with the refusals of the message; there are none where it was taken for all names. Without
   * `onTaken`, refusals of the server are dropped, and an invalid name is a `RangeError` that RxJS reports as
   * an unhandled error. A server with `plain` does not answer: `onTaken` hears `ended` when the session ends.
   */
  readonly onTaken?: ((refusals: readonly Refusal[]) => void) | undefined;
}

/** A refusal of a message, or of one of its names. */
export interface Refusal {
  /**
   * The code, as in the server's `!` lines: `not-connected`, `name-invalid`. It is `ended` where the session
   * of the bot ended before the server took the message.
   */
  readonly code: string;
  /** The subject: the name, where the refusal is of one. */
  readonly subject: string;
  /** The reason, in words. */
  readonly why: string;
}

/**
 * A session inside this process, for the option `connections$`. `talk` turns the messages for the bot into
 * those that it sends. Each subscription is a connection of its own. To the server a bot is a session like
 * any other: it holds a name, is drained and counted. While its messages wait for slow recipients, the bot
 * receives no more. A bot needs no account: the program vouches for it. A person who logs in with the
 * password of an account of that name takes the name over, from a bot as from anybody.
 *
 * The messages for the bot complete when the server ends the session. `talk` is unsubscribed then. The bot
 * leaves when `talk` completes. Where `talk` fails, the session breaks, and RxJS reports the failure as an
 * unhandled error, which ends the process.
 *
 * @param name the login name; an invalid one throws a `RangeError`. Where the name is taken, the server emits
 * `refused`, and the bot leaves
 */
export function bot(name: string, talk: OperatorFunction<Heard, Said>): Observable<Duplex> {
  const normalized = normalizeName(name);
  const problem = normalized === '' ? 'it is empty' : nameProblem(normalized);
  if (problem !== undefined) throw new RangeError(`${JSON.stringify(name)} is no name for a bot: ${problem}`);
  return defer(() => of(new BotConnection(normalized, talk)));
}

/** The server's end of the connection to a bot. */
class BotConnection extends Duplex {
  readonly trusted = true;
  readonly #heard$ = new Subject<Heard>();
  readonly #talk = new Subscription();
  #goOn: (() => void) | undefined;
  /**
   * The listeners for the pongs to come, in order. A ping stands before and behind each message that has an
   * `onTaken`.
   */
  #pongs: ((refusals: readonly Refusal[]) => void)[] = [];
  /** Whether the login was accepted. */
  #isIn = false;
  /** Refusals since the last pong. */
  #refusals: Refusal[] = [];

  constructor(name: string, talk: OperatorFunction<Heard, Said>) {
    super();
    this.push(`${name}\n`);
    const subscription = talk(this.#heard$).subscribe({
      next: (message) => {
        this.#say(message);
      },
      error: (failure: unknown) => {
        this.destroy();
        throw failure;
      },
      complete: () => {
        this.push(null);
      },
    });
    this.#talk.add(subscription);
  }

  override _write(lines: Buffer, _encoding: string, done: () => void): void {
    // The server writes whole lines only.
    for (const line of lines.toString().split('\n')) {
      const message = messageOf(line);
      if (message !== undefined) this.#heard$.next(message);
      else this.#hear(line);
    }
    if (this.readableLength < this.readableHighWaterMark) done();
    else this.#goOn = done;
  }

  /** Called when the server has read what the bot said. The bot then hears more. */
  override _read(): void {
    const goOn = this.#goOn;
    this.#goOn = undefined;
    goOn?.();
  }

  override _final(done: () => void): void {
    this.#heard$.complete();
    this.#talk.unsubscribe();
    this.push(null);
    done();
  }

  override _destroy(failure: Error | null, done: (failure: Error | null) => void): void {
    this.#talk.unsubscribe();
    for (const pong of this.#pongs.splice(0)) pong([ENDED]);
    done(failure);
  }

  #say(said: Said): void {
    const { onTaken } = said;
    const names = (typeof said.to === 'string' ? [said.to] : said.to).map(normalizeName);
    const wrong = names.find((name) => nameProblem(name) !== undefined);
    const problem = names.length === 0 ? 'it is for nobody' : wrong !== undefined && nameProblem(wrong);
    if (typeof problem === 'string') {
      if (onTaken === undefined)
        throw new RangeError(`${JSON.stringify(said.to)} is no recipient: ${problem}`);
      tell(onTaken, [{ code: 'name-invalid', subject: wrong ?? '', why: problem }]);
      return;
    }
    const line = `${names.join(', ')}: ${said.text.replace(/[\r\n]+/g, ' ')}\n`;
    if (onTaken === undefined) {
      this.push(line);
    } else if (this.destroyed || this.writableEnded) {
      tell(onTaken, [ENDED]);
    } else {
      this.#pongs.push(
        () => {},
        (refusals) => {
          tell(onTaken, refusals);
        },
      );
      this.push(`/ping\n${line}/ping\n`);
    }
  }

  /** A line of the server's own. */
  #hear(line: string): void {
    if (line.startsWith('* welcome ')) {
      this.#isIn = true;
    } else if (!this.#isIn && line.startsWith('! ')) {
      // The login was refused. The server would take further messages of the bot for names.
      this.#talk.unsubscribe();
      this.push(null);
    }
    if (line === '* pong') {
      const refusals = this.#refusals;
      this.#refusals = [];
      this.#pongs.shift()?.(refusals);
    }
    // Refusals of a message without `onTaken` are dropped.
    if (this.#pongs.length === 0) return;
    const refusal = errorOf(line);
    if (refusal !== undefined) this.#refusals.push(refusal);
  }
}

const ENDED: Refusal = { code: 'ended', subject: '', why: 'the session ended before the server took it' };

/** Calls `onTaken` in a subscription: RxJS reports an error that it throws as an unhandled one. */
function tell(onTaken: (refusals: readonly Refusal[]) => void, refusals: readonly Refusal[]): void {
  of(refusals).subscribe(onTaken);
}
