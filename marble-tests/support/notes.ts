import { Observable, ignoreElements, share, tap } from 'rxjs';
import type { Session } from '../../lib/model/session.ts';
import type { Stages } from '../../lib/pipeline.ts';
import type { Pace } from './stages.ts';
import { textOfPayload } from './texts.ts';

/**
 * What a writer did for its session: `opened`, then the texts that it wrote, then `closed <reason>` when it
 * had written all.
 */
export interface Note {
  readonly session: Session;
  readonly text: string;
}

/** What the writers of a pipeline note down; it ends as the pipeline ends. */
export function notesOf(
  pipelineWith: (writer: Stages['writer']) => Observable<never>,
  pace: Pace,
): Observable<Note> {
  const notes$ = new Observable<Note>((out) => {
    const writer: Stages['writer'] = (group) => {
      const session = group.key;
      // What a shutdown ends has no last delivery.
      let end = 'closed shutdown';
      out.next({ session, text: 'opened' });
      return pace(group, session).pipe(
        tap({
          next: (payload) => {
            const text = textOfPayload(payload);
            if (payload.end !== undefined) end = text;
            else if (text !== '') out.next({ session, text });
          },
          complete: () => {
            out.next({ session, text: end });
          },
        }),
        ignoreElements(),
      );
    };
    return pipelineWith(writer).subscribe(out);
  });
  return notes$.pipe(share());
}
