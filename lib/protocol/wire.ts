/** The lines of the wire protocol that the server itself says, each with its newline. */

const HELP = [
  '<name>[, <name> ...]: <text> sends text to each of them',
  '/who lists who is here',
  '/ping [text] answers with a pong',
  '/help shows this',
  '/quit delivers what is pending for you and closes the connection',
];

const SEPARATOR = ', ';

/** Stands for the names that there is no room for. */
const MORE = '...';

const encoder = new TextEncoder();

function byteLength(text: string): number {
  return /^[\0-\x7f]*$/.test(text) ? text.length : encoder.encode(text).length;
}

/**
 * First lines of other protocols: a request of HTTP/1, `POST / HTTP/1.1`, with which a web page must not be
 * able to log in; what a proxy says of the connection that it passes on, `PROXY TCP4 ...`; the greeting of
 * SSH, which scanners send.
 */
const FOREIGN = /^(?:[A-Z]+ \S+ HTTP\/\d|PROXY (?:TCP4|TCP6|UNKNOWN)(?: |$)|SSH-\d)/;

/** Why a session ended: the word that stands in its `* closing` line and in the operator's log. */
export type EndReason =
  /** The peer closed its side of the connection. */
  | 'eof'
  /** The peer asked with `/quit`. */
  | 'quit'
  /** The server is shutting down. */
  | 'shutdown'
  /** Somebody who knows the password took the name. */
  | 'replaced'
  /** Too many logins were refused, and the last for this. */
  | 'auth-failed'
  | 'name-invalid'
  | 'name-taken'
  | 'not-certified'
  /** No name came in time. */
  | 'login-timeout'
  /** The peer spoke HTTP, TLS, or another protocol that is known. */
  | 'not-chat'
  /** The server holds as many sessions as it may. */
  | 'server-full'
  /** Its address has as many connections as one address may. */
  | 'too-many-connections'
  /** The peer showed no certificate that holds, where one was asked for. */
  | 'certificate-refused'
  /** The peer said nothing for too long. */
  | 'idle'
  /** The peer did not read what waited for it. */
  | 'slow-consumer'
  /** The peer does not answer any more. */
  | 'vanished'
  /** The connection broke. */
  | 'reset'
  /** The server failed while it served the session: a bug. */
  | 'internal-error'
  /** The drain deadline, or a second signal, cut the session off. */
  | 'deadline';

/** Codes of the `!` lines. */
export type ErrorCode =
  | 'name-invalid'
  | 'name-taken'
  | 'auth-failed'
  | 'login-timeout'
  | 'not-chat'
  | 'not-connected'
  | 'no-recipient'
  | 'too-many-recipients'
  | 'unknown-command'
  | 'line-too-long'
  | 'server-full'
  | 'too-many-connections'
  | 'certificate-refused'
  | 'not-certified'
  | 'slow-consumer';

/** Whether a first line, trimmed, is one of another protocol. */
export function isForeign(line: string): boolean {
  return FOREIGN.test(line);
}

/** What stands before the text of each message that `name` sends. */
export function messagePrefix(name: string): string {
  return `from ${name}: `;
}

/** What a line says if it is a message, as `messagePrefix` begins one. */
export function messageOf(line: string): { from: string; text: string } | undefined {
  const [, from, text] = /^from ([^:]+): (.*)$/s.exec(line) ?? [];
  return from === undefined || text === undefined ? undefined : { from, text };
}

/** A refusal or an error; `subject`, what it is about, must be fit to be shown. */
export function error(code: ErrorCode, subject: string, explanation: string): string {
  return subject === '' ? `! ${code}: ${explanation}\n` : `! ${code} ${subject}: ${explanation}\n`;
}

/** What a line says if it is a refusal or an error, as `error` writes it. */
export function errorOf(line: string): { code: string; subject: string; why: string } | undefined {
  const [, code, subject = '', why] = /^! ([a-z-]+)(?: (.*?))?: (.*)$/s.exec(line) ?? [];
  return code === undefined || why === undefined ? undefined : { code, subject, why };
}

export function welcome(name: string): string {
  return `* welcome ${name}\n`;
}

/**
 * The last line to a session. `accepted` tells its peer where to resume: its later message lines were not
 * taken.
 */
export function closing(reason: EndReason, accepted: number, delivered: number): string {
  return `* closing ${reason}: accepted ${accepted}, delivered ${delivered}\n`;
}

/**
 * Who is here. Where the list is longer than a line may be it holds as many names as fit, and `...`; no more
 * of `names` are taken than that.
 *
 * @param limit bytes of a line
 */
export function who(count: number, names: Iterable<string>, limit: number): string {
  const head = `* who ${count}: `;
  const shown: { readonly name: string; readonly size: number }[] = [];
  let size = head.length - SEPARATOR.length;
  let isWhole = true;
  for (const name of names) {
    const more = SEPARATOR.length + byteLength(name);
    isWhole = size + more <= limit;
    if (!isWhole) break;
    shown.push({ name, size: more });
    size += more;
  }
  if (!isWhole) {
    while (shown.length > 0 && size + SEPARATOR.length + MORE.length > limit) size -= shown.pop()?.size ?? 0;
  }
  const list = shown.map(({ name }) => name);
  return `${head}${(isWhole ? list : [...list, MORE]).join(SEPARATOR)}\n`;
}

export function pong(text: string): string {
  return text === '' ? '* pong\n' : `* pong ${text}\n`;
}

export function help(): string {
  return HELP.map((line) => `* help ${line}\n`).join('');
}
