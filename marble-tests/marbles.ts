import { PassThrough } from 'node:stream';
import {
  NEVER,
  Observable,
  type OperatorFunction,
  concatMap,
  delay,
  endWith,
  filter,
  identity,
  ignoreElements,
  map,
  merge,
  of,
  share,
  startWith,
  tap,
} from 'rxjs';
import { type RunHelpers, TestScheduler } from 'rxjs/testing';
import { type BrokerOptions, broker } from '../lib/broker/broker.ts';
import type { Delivery, Payload, SessionEvent } from '../lib/model/events.ts';
import type { ServerEvent } from '../lib/model/server-events.ts';
import { type Piece, lines, overlong } from '../lib/readers/lines.ts';
import type { EndReason } from '../lib/protocol/wire.ts';
import { type Stages, pipeline } from '../lib/pipeline.ts';
import { Session } from '../lib/model/session.ts';
import { TurnShare } from '../lib/readers/turn-share.ts';

/** A test in virtual time, in which a character of a diagram is one millisecond. */
export function inVirtualTime(test: (helpers: RunHelpers) => void): () => void {
  return () => {
    const scheduler = new TestScheduler((actual, expected) => {
      expect(actual).toEqual(expected);
    });
    // RxJS makes the wall clock virtual, but not the one that durations go by.
    const clock = jest.spyOn(performance, 'now').mockImplementation(() => scheduler.now());
    try {
      scheduler.run(test);
    } finally {
      clock.mockRestore();
    }
  };
}

/** A share of the event loop's turns that is never used up: real time has no part in a marble test. */
export const anyTime = new TurnShare(Infinity);

/** `lines` with bytes written as one-byte text, which a diagram can show. */
export function linesOfText(maxLine: number): OperatorFunction<string, string | typeof overlong> {
  const textOf = (piece: Piece) => (piece === overlong ? piece : piece.toString('latin1'));
  return (chunks$) =>
    chunks$.pipe(
      map((chunk) => Buffer.from(chunk, 'latin1')),
      lines(maxLine),
      map(textOf),
    );
}

/** A session whose socket nobody is at the other end of. */
export function peer(label: string): Session {
  return new Session(new PassThrough(), { through: label });
}

/**
 * What each session types: a value is a line, or several with newlines between them; completion is end of
 * file.
 */
export type Inputs = ReadonlyMap<Session, Observable<string>>;

/** Says what the real reader says of a session that types `text$`. */
export function typing(session: Session, text$: Observable<string>): Observable<SessionEvent> {
  return text$.pipe(
    map((text): SessionEvent => ({ type: 'lines', session, block: Buffer.from(`${text}\n`) })),
    startWith<SessionEvent>({ type: 'opened', session }),
    endWith<SessionEvent>({ type: 'ended', session, reason: 'eof' }),
  );
}

/** A reader stage for sessions of which only the typing matters. */
export function readerOf(inputs: Inputs): Stages['reader'] {
  return (session) => typing(session, inputs.get(session) ?? NEVER);
}

export function theBroker(
  options: Partial<BrokerOptions> = {},
  tell: (event: ServerEvent) => void = () => {},
): Stages['broker'] {
  const defaults = {
    maxConnections: 100,
    maxConnectionsPerAddress: 0,
    maxLine: 100,
    maxRecipients: 100,
    loginTimeout: 30_000,
    plain: false,
    allowControlChars: false,
  };
  return broker({ ...defaults, ...options }, tell);
}

/** What a broker makes of sessions that are all there from the start. */
export function deliveries(inputs: Inputs, stage = theBroker()): Observable<Delivery> {
  const events$ = [...inputs].map(([session, text$]) => typing(session, text$));
  return merge(...events$).pipe(stage, share());
}

/** A conversation of sessions that are all there from the start. */
export interface Talk {
  readonly deliveries$: Observable<Delivery>;
  readonly heard: (name: string) => Observable<string>;
  readonly subscriptions: (name: string) => ReturnType<RunHelpers['hot']>['subscriptions'];
}

/**
 * Makes a session and its typing of each diagram, in which a character stands for the text that `values`
 * gives it. Of those who type in one frame the one whose diagram stands first comes first.
 */
export function talk(
  hot: RunHelpers['hot'],
  diagrams: Readonly<Record<string, string>>,
  values: Record<string, string>,
): Talk {
  const cast = new Map(
    Object.entries(diagrams).map(([name, diagram]) => [
      name,
      { session: peer(name), text$: hot(diagram, values) },
    ]),
  );
  const actor = (name: string) => {
    const found = cast.get(name);
    if (found === undefined) throw new Error(`No diagram is of ${name}`);
    return found;
  };
  const deliveries$ = deliveries(new Map([...cast.values()].map(({ session, text$ }) => [session, text$])));
  return {
    deliveries$,
    heard: (name) => deliveries$.pipe(heardBy(actor(name).session)),
    subscriptions: (name) => actor(name).text$.subscriptions,
  };
}

/** The text of a payload, in which a slash stands between lines. Errors are cut to code and subject. */
export function show({ bytes, end }: Payload): string {
  if (end !== undefined) return `end ${end}`;
  const text = bytes.toString().replace(/^(! [^:]*):.*$/gm, '$1');
  return text.trimEnd().replaceAll('\n', ' / ');
}

/** What one session hears of all deliveries, its opening left out. */
export function heardBy(session: Session): OperatorFunction<Delivery, string> {
  return (deliveries$) =>
    deliveries$.pipe(
      filter(({ to }) => to === session),
      map(({ payload }) => show(payload)),
      filter((text) => text !== ''),
    );
}

/**
 * What a session's writer did: `opened`, then the texts it wrote, then `closed <reason>` when it had written
 * all.
 */
export interface Note {
  readonly session: Session;
  readonly text: string;
}

export interface Cast extends Partial<Omit<Stages, 'reader' | 'writer'>>, Pick<Stages, 'reader'> {
  /** How long a writer takes over what it is given; as long as nothing if left out. */
  readonly writing?: (pending$: Observable<Payload>, session: Session) => Observable<Payload>;
}

/** The pipeline with writers that take notes. The result ends as the pipeline ends. */
export function chat(sessions$: Observable<Session>, cast: Cast): Observable<Note> {
  const { writing, ...stages } = cast;
  const notes$ = new Observable<Note>((out) => {
    const writer: Stages['writer'] = (group) => {
      const note = (text: string) => {
        out.next({ session: group.key, text });
      };
      let reason: EndReason = 'shutdown';
      note('opened');
      return (writing?.(group, group.key) ?? group).pipe(
        tap({
          next: (payload) => {
            if (payload.end !== undefined) reason = payload.end;
            else if (payload.bytes.length > 0) note(show(payload));
          },
          complete: () => {
            note(`closed ${reason}`);
          },
        }),
        ignoreElements(),
      );
    };
    const quiet = { drain$: NEVER, deadline$: NEVER, admission: () => identity, broker: theBroker() };
    return pipeline(sessions$, { ...quiet, ...stages, writer }).subscribe(out);
  });
  return notes$.pipe(share());
}

export function notesOf(session: Session): OperatorFunction<Note, string> {
  return (notes$) =>
    notes$.pipe(
      filter((note) => note.session === session),
      map(({ text }) => text),
    );
}

/** A writer that takes `milliseconds` over every payload that has a text. */
export function slowly(milliseconds: number): (pending$: Observable<Payload>) => Observable<Payload> {
  return (pending$) =>
    pending$.pipe(
      concatMap((payload) =>
        payload.bytes.length === 0 ? of(payload) : of(payload).pipe(delay(milliseconds)),
      ),
    );
}
