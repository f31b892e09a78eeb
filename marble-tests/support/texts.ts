import { type OperatorFunction, map } from 'rxjs';
import type { Payload, SessionEvent } from '../../lib/model/events.ts';
import { type Piece, lines, overlong } from '../../lib/readers/lines.ts';

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

/** The lines of an event as one-byte text; any other event by its type, and the reason if it is the end. */
export function textOfEvent(event: SessionEvent): string {
  if (event.type === 'lines') return event.block.toString('latin1');
  return event.type === 'ended' ? `ended ${event.reason}` : event.type;
}

/** The text of a payload, in which a slash stands between lines. Errors are cut to code and subject. */
export function textOfPayload({ bytes, end }: Payload): string {
  if (end !== undefined) return `closed ${end}`;
  const text = bytes.toString().replace(/^(! [^:]*):.*$/gm, '$1');
  return text.trimEnd().replaceAll('\n', ' / ');
}
