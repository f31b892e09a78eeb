import { nameProblem } from '../../lib/protocol/names.ts';
import { skeleton } from '../../lib/protocol/skeleton.ts';

/** What the wire protocol promises, with a Map of names and no thought of speed. */

export interface ModelOptions {
  readonly maxLine: number;
  readonly plain: boolean;
  readonly allowControlChars: boolean;
}

/** Stands in a transcript for wording that programs do not depend on. */
const WORDING = '\u2026';

/** Characters of input that an error repeats for certain. */
const REPEATED = 64;

const LINE_FEED = 0x0a;

function trim(text: string): string {
  return text.replace(/^\p{White_Space}+/u, '').replace(/\p{White_Space}+$/u, '');
}

function isName(name: string): boolean {
  const forbidden = /^[/#*!@]|[,:]|[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/u;
  const { length } = Buffer.from(name);
  if (length < 1 || length > 64 || forbidden.test(name)) return false;
  // What else a name looks like is tested by itself.
  return length === name.length || nameProblem(name) === undefined;
}

/**
 * What looks like what is Unicode's affair, and tested by itself; who is compared with whom is the
 * protocol's.
 */
function areConfusable(one: string, other: string): boolean {
  const isAscii = (name: string) => Buffer.byteLength(name) === name.length;
  return !(isAscii(one) && isAscii(other)) && skeleton(one) === skeleton(other);
}

/** One client and all that it is to be sent, line by line. */
export class ModelPeer {
  readonly transcript: string[] = [];
  name: string | undefined;
  ended = false;
  accepted = 0;
  delivered = 0;
  /** The line that has no newline yet. */
  unfinished: number[] = [];
  first = true;
}

export class Model {
  readonly #options: ModelOptions;
  readonly #here = new Map<string, ModelPeer>();

  constructor(options: ModelOptions) {
    this.#options = options;
  }

  /** The server reads a chunk. */
  receive(peer: ModelPeer, chunk: Uint8Array): void {
    for (const byte of chunk) {
      if (byte !== LINE_FEED) peer.unfinished.push(byte);
      else this.#endLine(peer);
    }
  }

  /** The peer's input ends. */
  end(peer: ModelPeer): void {
    if (peer.unfinished.length > 0) this.#endLine(peer);
    this.#close(peer, 'eof');
  }

  /** Everybody's session ends; half a line counts for nothing. */
  shutdown(peers: readonly ModelPeer[]): void {
    for (const peer of peers) {
      // A line need not end to be too long, once a `\r` of its line end cannot be what is too much.
      if (!peer.ended && this.#unmarked(peer).length > this.#options.maxLine + 1) {
        this.#refuse(peer, 'line-too-long', String(this.#options.maxLine));
      }
      this.#close(peer, 'shutdown');
    }
  }

  /** The line that has not ended, without a byte order mark at the start of the connection. */
  #unmarked(peer: ModelPeer): Buffer {
    const bytes = Buffer.from(peer.unfinished);
    const marked = peer.first && bytes.subarray(0, 3).equals(Buffer.from('\ufeff'));
    return marked ? bytes.subarray(3) : bytes;
  }

  #endLine(peer: ModelPeer): void {
    const bytes = this.#unmarked(peer);
    peer.unfinished = [];
    peer.first = false;
    if (peer.ended) return;
    if (bytes.length - (bytes.at(-1) === 0x0d ? 1 : 0) > this.#options.maxLine) {
      this.#refuse(peer, 'line-too-long', String(this.#options.maxLine));
      return;
    }
    const line = trim(bytes.toString());
    if (line === '') return;
    if (peer.name === undefined) this.#login(peer, line);
    else if (line.startsWith('/')) this.#command(peer, peer.name, line);
    else this.#message(peer, peer.name, line);
  }

  #login(peer: ModelPeer, line: string): void {
    const name = line.normalize('NFC');
    if (/^[A-Z]+ \S+ HTTP\/\d/.test(line)) {
      this.#refuse(peer, 'not-chat');
      this.#close(peer, 'not-chat');
    } else if (!isName(name)) {
      this.#refuse(peer, 'name-invalid', name);
    } else if (
      this.#here.has(name) ||
      Array.from(this.#here.keys()).some((one) => areConfusable(one, name))
    ) {
      this.#refuse(peer, 'name-taken', name);
    } else {
      peer.name = name;
      this.#here.set(name, peer);
      this.#notice(peer, `* welcome ${name}`);
    }
  }

  #message(peer: ModelPeer, sender: string, line: string): void {
    const colon = line.indexOf(':');
    const names = line.slice(0, Math.max(colon, 0)).split(',');
    const dests = new Set(names.map((name) => trim(name).normalize('NFC')).filter((name) => name !== ''));
    if (dests.size === 0) {
      this.#refuse(peer, 'no-recipient');
      return;
    }
    peer.accepted += 1;
    const text = this.#shown(trim(line.slice(colon + 1)));
    for (const dest of dests) {
      const recipient = this.#here.get(dest);
      if (recipient === undefined) continue;
      recipient.delivered += 1;
      recipient.transcript.push(`from ${sender}: ${text}`);
    }
    for (const dest of dests) if (!this.#here.has(dest)) this.#refuse(peer, 'not-connected', dest);
  }

  #command(peer: ModelPeer, name: string, line: string): void {
    const [, command = '', argument = ''] = /^(\P{White_Space}+)\p{White_Space}*(.*)$/su.exec(line) ?? [];
    if (command === '/who') {
      this.#notice(peer, this.#who());
    } else if (command === '/ping') {
      this.#notice(peer, `* pong ${this.#shown(argument)}`.replace(/ $/, ''));
    } else if (command === '/quit') {
      this.#close(peer, 'quit');
      this.#here.delete(name);
    } else {
      this.#refuse(peer, 'unknown-command', command);
    }
  }

  /** The longest list of names that makes a line within the limit. */
  #who(): string {
    const names = Array.from(this.#here.keys());
    const lists = [names, ...names.map((_, index) => [...names.slice(0, -1 - index), '...'])];
    const lines = lists.map((list) => `* who ${names.length}: ${list.join(', ')}`);
    return lines.find((line) => Buffer.byteLength(line) <= this.#options.maxLine) ?? lines.at(-1) ?? '';
  }

  #close(peer: ModelPeer, reason: string): void {
    if (peer.ended) return;
    peer.ended = true;
    if (peer.name !== undefined) this.#here.delete(peer.name);
    this.#notice(peer, `* closing ${reason}: accepted ${peer.accepted}, delivered ${peer.delivered}`);
  }

  #refuse(peer: ModelPeer, code: string, subject = ''): void {
    const shown = Array.from(this.#shown(subject));
    const certain = shown.slice(0, REPEATED).join('');
    const rest = shown.length > REPEATED ? WORDING : `: ${WORDING}`;
    this.#notice(peer, `! ${code}${subject === '' ? '' : ' '}${certain}${rest}`);
  }

  #notice(peer: ModelPeer, line: string): void {
    if (!this.#options.plain) peer.transcript.push(line);
  }

  #shown(text: string): string {
    if (this.#options.allowControlChars) return text;
    return Array.from(text, (character) => {
      const code = character.charCodeAt(0);
      if (code === 0x09) return character;
      if (code < 0x20) return String.fromCharCode(0x2400 + code);
      if (code === 0x7f) return '\u2421';
      const isTurn = (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
      return (code >= 0x80 && code <= 0x9f) || isTurn ? '\ufffd' : character;
    }).join('');
  }
}

/**
 * The lines that came, with the wording of an error left out where the model leaves it out and it is not
 * empty: equal to the model's transcript if the server did right.
 */
export function withoutWording(came: readonly string[], expected: readonly string[]): string[] {
  return came.map((line, index) => {
    const model = expected[index] ?? '';
    const certain = model.slice(0, -WORDING.length);
    const fits = model.startsWith('! ') && line.startsWith(certain) && line.length > certain.length;
    return fits ? model : line;
  });
}
