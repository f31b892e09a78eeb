import type { Scalar } from 'yaml';
import { readFirst } from './files.ts';
import { nameOf } from './option-names.ts';
import type { FileOfSettings, Resolved, Written } from './sources.ts';
import { type Key, keys, settings, show } from './table.ts';

/**
 * Reads settings from a file of YAML, of which JSON is a part. Their names are those of the options. `yaml`
 * is used because it gives the line and column of each mistake. The mistakes are returned; an error of
 * `readFirst` is thrown where the file cannot be read.
 */
export async function readConfig(path: string): Promise<FileOfSettings> {
  const text = readFirst(path).toString();
  // Loaded here: a program without a file starts faster.
  const { LineCounter, isMap, isScalar, isSeq, parseDocument } = await import('yaml');
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter, prettyErrors: false, uniqueKeys: false });

  const given = new Map<Key, Written>();
  const mistakes: string[] = [];
  const wrong = new Set<Key>();
  const place = (offset = 0) => {
    const { line, col } = lineCounter.linePos(offset);
    return `${path}:${line}:${col}`;
  };
  const offsetOf = (node: unknown) => (node as { range?: readonly number[] } | null)?.range?.[0];
  const complain = (offset: number | undefined, problem: string) =>
    mistakes.push(`${place(offset)} ${problem}`);
  const take = (key: Key, node: unknown) => {
    const many = Array.isArray(settings[key].value) && isSeq(node);
    const items: unknown[] = many ? node.items : [node];
    if (!items.every((item) => isScalar(item) && item.value !== null)) {
      complain(
        offsetOf(node),
        `${nameOf(key)} must have a value${many ? ' in each place' : ', and one alone'}`,
      );
      wrong.add(key);
      return;
    }
    const texts = items.map((item) => written(item as Scalar));
    for (const [index, text] of texts.entries()) {
      const [, problem] = settings[key].read(many ? [text] : text);
      if (problem === undefined) continue;
      complain(offsetOf(items[index]), `${nameOf(key)} ${problem}`);
      wrong.add(key);
    }
    if (!wrong.has(key))
      given.set(key, { value: many ? texts : (texts[0] ?? ''), place: place(offsetOf(node)) });
  };

  for (const { message, pos } of document.errors) complain(pos[0], message);
  if (mistakes.length > 0) return { given, mistakes, wrong };
  const { contents } = document;
  if (isMap(contents)) {
    for (const { key, value } of contents.items) {
      const name = isScalar(key) ? written(key) : 'this';
      const known = keys().find((one) => nameOf(one) === name);
      if (known === undefined) complain(offsetOf(key), `there is no setting '${name}'`);
      else if (given.has(known) || wrong.has(known)) complain(offsetOf(key), `${name} is there already`);
      else take(known, value);
    }
  } else if (contents !== null) {
    complain(offsetOf(contents), 'a file of settings has lines like `port: 8080`');
  }
  return { given, mistakes, wrong };
}

/** The text of a value, without quotes. Only its setting knows what the text means. */
function written({ value, source }: Scalar): string {
  return typeof value === 'string' ? value : (source ?? String(value));
}

/** The settings as lines of such a file, each with the place of its value as a comment. */
export async function showConfig({ values, places, hidden }: Resolved): Promise<string> {
  const { stringify } = await import('yaml');
  const lines = keys().map((key) => {
    const value = values[key];
    const text = typeof value === 'string' ? stringify(value).trim() : show(key, value);
    const line = `${nameOf(key)}: ${Array.isArray(value) ? JSON.stringify(value) : text}`;
    if (value === undefined) return [`# ${line}`, 'default'] as const;
    if (hidden.has(key) && key !== 'listen') return [`# ${line}`, 'listen stands in its place'] as const;
    return [line, places.get(key) ?? 'default'] as const;
  });
  const width = Math.max(...lines.map(([line]) => line.length));
  return lines.map(([line, place]) => `${line.padEnd(width)}  # ${place}\n`).join('');
}
