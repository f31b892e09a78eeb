import { Duplex } from 'node:stream';
import { Observable, type OperatorFunction, Subject, Subscription, defer, of } from 'rxjs';
import { nameProblem, normalizeName } from './protocol/names.ts';
import { errorOf, messageOf } from './protocol/wire.ts';

/** A message as a bot hears it. */
export interface Heard {
  /** The sender's name. */
  readonly from: string;
  /** What was written, in one line. */
  readonly text: string;
}

/** A message as a bot says it. */
export interface Said {
  /** One name or several; what is no name is refused with all of the message. */
  readonly to: string | readonly string[];
  /** Line breaks become spaces: a message is one line. */
  readonly text: string;
  /**
   * Hears once what of the message was refused: nothing, where it was taken for all. In its absence nobody
   * hears who is not here, and what is no name is a `RangeError` that is thrown as RxJS throws what nobody
   * handles. A server that is `plain` tells neither.
   */
  readonly onTaken?: ((refusals: readonly Refusal[]) => void) | undefined;
}

/** What of a message was refused, and why. */
export interface Refusal {
  /**
   * As in the server's `!` lines: `not-connected`, `name-invalid`. `ended`: the bot's session was over
   * before.
   */
  readonly code: string;
  /** What it is about: the name, if it is one. */
  readonly subject: string;
  /** In words. */
  readonly why: string;
}

/**
 * A session inside this process, for the option `connections$`: the messages that come for it go through
 * `talk`, and what comes out is sent. Each subscription is a connection of its own. To the server it is a
 * session like any other: it holds a name, is drained and counted, and as long as what it says has to wait
 * for recipients that are slow, it is given nothing more to hear. Where there are accounts it needs none: the
 * program vouches for it. A person who logs in with the password of an account of its name takes the name
 * over, as from anybody.
 *
 * What it hears completes when the server ends the session; whatever `talk` still does is unsubscribed then.
 * If `talk` completes first the bot leaves. If it fails, the session breaks and the failure is thrown as RxJS
 * throws what nobody handles, so that it ends the process.
 *
 * @param name fails with a `RangeError` if nobody may have it; that it is taken is told by the server's event
 * `refused`, and the bot leaves
 */
export function bot(name: string, talk: OperatorFunction<Heard, Said>): Observable<Duplex> {
  const normalized = normalizeName(name);
  const problem = normalized === '' ? 'it is empty' : nameProblem(normalized);
  if (problem !== undefined) throw new RangeError(`${JSON.stringify(name)} is no name for a bot: ${problem}`);
  return defer(() => of(new Line(normalized, talk)));
}

/** The server's end of the line to a bot. */
class Line extends Duplex {
  readonly trusted = true;
  readonly #heard$ = new Subject<Heard>();
  readonly #talk = new Subscription();
  #goOn: (() => void) | undefined;
  /**
   * A ping stands before and behind each message that somebody wants to hear of; these hear the pongs, in
   * order.
   */
  #pongs: ((refusals: readonly Refusal[]) => void)[] = [];
  #isIn = false;
  /** Since the last pong. */
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
    // The server never writes a part of a line.
    for (const line of lines.toString().split('\n')) {
      const message = messageOf(line);
      if (message !== undefined) this.#heard$.next(message);
      else this.#hear(line);
    }
    if (this.readableLength < this.readableHighWaterMark) done();
    else this.#goOn = done;
  }

  /** What the bot said is read again. */
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
      // What it says from here on would be tried as names.
      this.#talk.unsubscribe();
      this.push(null);
    }
    if (line === '* pong') {
      const refusals = this.#refusals;
      this.#refusals = [];
      this.#pongs.shift()?.(refusals);
    }
    // Refusals that nobody asked about are not kept.
    if (this.#pongs.length === 0) return;
    const refusal = errorOf(line);
    if (refusal !== undefined) this.#refusals.push(refusal);
  }
}

const ENDED: Refusal = { code: 'ended', subject: '', why: 'the session ended before the server took it' };

/** Calls it so that what it throws is its program's affair. */
function tell(onTaken: (refusals: readonly Refusal[]) => void, refusals: readonly Refusal[]): void {
  of(refusals).subscribe(onTaken);
}
