/** The lines that the server itself says, each with its newline. */

const HELP = [
  '<name>[, <name> ...]: <text> sends text to each of them',
  '/who lists who is here',
  '/ping [text] answers with a pong',
  '/help shows this',
  '/quit delivers what is pending for you and closes the connection',
];

const SEPARATOR = ', ';

/** Stands for names that do not fit into the line. */
const ELLIPSIS = '...';

const encoder = new TextEncoder();

function byteLength(text: string): number {
  return /^[\0-\x7f]*$/.test(text) ? text.length : encoder.encode(text).length;
}

/**
 * First lines of other protocols. A request of HTTP/1, `POST / HTTP/1.1`, is what a web page would log in
 * with. `PROXY TCP4 ...` is said by a proxy, and the greeting of SSH by scanners.
 */
const FOREIGN = /^(?:[A-Z]+ \S+ HTTP\/\d|PROXY (?:TCP4|TCP6|UNKNOWN)(?: |$)|SSH-\d)/;

/** Why a session ended: the word in its `* closing` line and in the operator's log. */
export type EndReason =
  /** The peer closed its side of the connection. */
  | 'eof'
  /** The peer asked with `/quit`. */
  | 'quit'
  /** The server is shutting down. */
  | 'shutdown'
  /** Another connection took the name, with its password. */
  | 'replaced'
  /** Too many logins were refused, the last one for this reason. */
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
  /** The address has as many connections as one address may. */
  | 'too-many-connections'
  /** The peer showed no certificate that holds, where one is required. */
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

/** Whether a first line, trimmed, belongs to another protocol. */
export function isForeign(line: string): boolean {
  return FOREIGN.test(line);
}

/** The beginning of each message from `name`. */
export function messagePrefix(name: string): string {
  return `from ${name}: `;
}

/** The sender and the text of a message; `undefined` for another line. */
export function messageOf(line: string): { from: string; text: string } | undefined {
  const [, from, text] = /^from ([^:]+): (.*)$/s.exec(line) ?? [];
  return from === undefined || text === undefined ? undefined : { from, text };
}

/** A refusal or an error. `subject`, what it is about, must be fit to be shown. */
export function error(code: ErrorCode, subject: string, explanation: string): string {
  return subject === '' ? `! ${code}: ${explanation}\n` : `! ${code} ${subject}: ${explanation}\n`;
}

/** The parts of a line that `error` wrote; `undefined` for another line. */
export function errorOf(line: string): { code: string; subject: string; why: string } | undefined {
  const [, code, subject = '', why] = /^! ([a-z-]+)(?: (.*?))?: (.*)$/s.exec(line) ?? [];
  return code === undefined || why === undefined ? undefined : { code, subject, why };
}

export function welcome(name: string): string {
  return `* welcome ${name}\n`;
}

/**
 * The last line to a session. `accepted` tells the peer where to resume: its later message lines were not
 * taken.
 */
export function closing(reason: EndReason, accepted: number, delivered: number): string {
  return `* closing ${reason}: accepted ${accepted}, delivered ${delivered}\n`;
}

/**
 * The list of who is here. A list that is too long for a line has as many names as fit, and `...`. No more of
 * `names` are read.
 *
 * @param limit most bytes of a line
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
    while (shown.length > 0 && size + SEPARATOR.length + ELLIPSIS.length > limit)
      size -= shown.pop()?.size ?? 0;
  }
  const list = shown.map(({ name }) => name);
  return `${head}${(isWhole ? list : [...list, ELLIPSIS]).join(SEPARATOR)}\n`;
}

export function pong(text: string): string {
  return text === '' ? '* pong\n' : `* pong ${text}\n`;
}

export function help(): string {
  return HELP.map((line) => `* help ${line}\n`).join('');
}
