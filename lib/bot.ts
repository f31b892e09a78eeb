import { Duplex } from 'node:stream';
import { Observable, type OperatorFunction, Subject, Subscription, defer, of } from 'rxjs';
import { nameProblem, normalizeName } from './names.ts';
import { messageOf } from './protocol.ts';

/** A message as a bot hears it. */
export interface Heard {
  /** The sender's name. */
  readonly from: string;
  /** What was written, in one line. */
  readonly text: string;
}

/** A message as a bot says it. */
export interface Said {
  /** One name or several. */
  readonly to: string | readonly string[];
  /** Line breaks become spaces: a message is one line. */
  readonly text: string;
}

/**
 * A session inside this process, for the option `connections$`: the messages that come for it go through `talk`, and
 * what comes out is sent. Each subscription is a connection of its own. To the server it is a session like any other:
 * it holds a name, is drained and counted, and as long as what it says has to wait for recipients that are slow, it is
 * given nothing more to hear. Where there are accounts it needs none: the program vouches for it. A person who logs in
 * with the password of an account of its name takes the name over, as from anybody.
 *
 * What it hears completes when the server ends the session; whatever `talk` still does is unsubscribed then. If `talk`
 * completes first the bot leaves. If it fails, the session breaks and the failure is thrown as RxJS throws what nobody
 * handles, so that it ends the process.
 *
 * @param name fails with a `RangeError` if nobody may have it; that it is taken is told by the server's event `refused`
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

  constructor(name: string, talk: OperatorFunction<Heard, Said>) {
    super();
    this.push(`${name}\n`);
    const subscription = talk(this.#heard$).subscribe({
      next: (message) => {
        this.push(lineOf(message));
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
    done(failure);
  }
}

function lineOf({ to, text }: Said): string {
  const names = typeof to === 'string' ? to : to.join(', ');
  return `${`${names}: ${text}`.replace(/[\r\n]+/g, ' ')}\n`;
}
