import { contradictions } from './conflicts.ts';
import { type Environment, notesOn, strangers, variable } from './environment.ts';
import { OptionError } from './error.ts';
import type { WrittenValue } from './kinds.ts';
import { counterflagOf, flagOf, nameOf, variableOf } from './option-names.ts';
import { type Key, type Settings, keys, settings } from './table.ts';

/** A value as an operator wrote it, and where: `--port`, `A_CHAT_PORT`, or a place in a file. */
export interface Written {
  readonly value: WrittenValue;
  readonly place: string;
}

/** Options of the command line, as they were written. */
export type Options = Readonly<Record<string, WrittenValue | undefined>>;

/** What a file of settings says, and what is wrong with it; each with its place, `a-chat.yaml:3:7`. */
export interface FileOfSettings {
  readonly given: ReadonlyMap<Key, Written>;
  readonly mistakes: readonly string[];
  /** Settings that it has, but that cannot be. */
  readonly wrong: ReadonlySet<Key>;
}

export const NO_FILE: FileOfSettings = { given: new Map(), mistakes: [], wrong: new Set() };

/** All settings, and where each came from that is not a default. */
export interface Resolved {
  readonly values: Settings;
  readonly places: ReadonlyMap<Key, string>;
  /** What has no effect, as something else stands in its place. */
  readonly hidden: ReadonlySet<Key>;
  /** What was passed over, and why, one line each. */
  readonly notes: readonly string[];
}

/**
 * What an operator wrote, as settings: an option wins over the environment (`A_CHAT_PORT` for `--port`), that
 * over the file, that over the default. An empty variable counts as unset. Throws an `OptionError` that names
 * every mistake, those of the file included.
 */
export function resolveSettings(options: Options, environment: Environment, file = NO_FILE): Resolved {
  const sources = sourcesOf(options, environment, file);
  const { hidden, mistakes: twice } = hiddenIn(sources);
  const { values, places, mistakes, wrong } = valuesOf(keys(), sources, hidden);
  const all = [...strangers(environment), ...file.mistakes, ...twice, ...mistakes];
  const doubtful = new Set([...wrong, ...file.wrong]);
  for (const { key, problem, among } of contradictions(values)) {
    if (!among.some((one) => doubtful.has(one))) all.push(`${subject(key, places.get(key))} ${problem}`);
  }
  if (all.length > 0) throw new OptionError(all);
  return { values, places, hidden, notes: notesOn(environment) };
}

/**
 * Some of the settings, for themselves: the others are not looked at, nor how they go together. Otherwise as
 * `resolveSettings`.
 */
export function readSettings<K extends Key>(
  wanted: readonly K[],
  options: Options,
  environment: Environment,
  file = NO_FILE,
): Pick<Settings, K> {
  const { values, mistakes } = valuesOf(wanted, sourcesOf(options, environment, file));
  const all = [...strangers(environment), ...file.mistakes, ...mistakes];
  if (all.length > 0) throw new OptionError(all);
  return values;
}

type Source = (key: Key) => Written | undefined;

/** The strongest first. */
function sourcesOf(options: Options, environment: Environment, file: FileOfSettings): readonly Source[] {
  const written = (value: WrittenValue | undefined, place: string) =>
    value === undefined ? undefined : { value, place };
  return [
    (key) => written(options[key], options[key] === false ? counterflagOf(key) : flagOf(key)),
    (key) => written(variable(key, environment), variableOf(key)),
    (key) => file.given.get(key),
  ];
}

/** The values of settings, where they came from, and what is wrong with them. */
function valuesOf<K extends Key>(
  wanted: readonly K[],
  sources: readonly Source[],
  hidden?: ReadonlySet<Key>,
) {
  const values: Partial<Record<Key, unknown>> = {};
  const places = new Map<Key, string>();
  const mistakes: string[] = [];
  const wrong = new Set<Key>();
  for (const key of wanted) {
    values[key] = settings[key].value;
    const found = hidden?.has(key) === true ? undefined : strongest(key, sources);
    if (found === undefined) continue;
    const [value, problem] = settings[key].read(found.value);
    values[key] = value;
    places.set(key, found.place);
    if (problem === undefined) continue;
    mistakes.push(`${found.place} ${problem}`);
    wrong.add(key);
  }
  return { values: values as Pick<Settings, K>, places, mistakes, wrong };
}

function strongest(key: Key, sources: readonly Source[]): Written | undefined {
  for (const source of sources) {
    const written = source(key);
    if (written !== undefined) return written;
  }
  return undefined;
}

/**
 * `host` and `port` are the short form of `listen`: the one that comes from the stronger source hides the
 * other. Both from one source are a mistake, but for the environment, where some of it may be somebody
 * else's.
 */
function hiddenIn(sources: readonly Source[]): { hidden: ReadonlySet<Key>; mistakes: readonly string[] } {
  const short: readonly Key[] = ['host', 'port'];
  for (const source of sources) {
    const listen = source('listen');
    const other = short.map(source).find((one) => one !== undefined);
    if (listen !== undefined && !(Array.isArray(listen.value) && listen.value.length === 0)) {
      const isMistake = other !== undefined && !short.map(variableOf).includes(other.place);
      const mistake = `${other?.place ?? ''} and ${listen.place} say the same thing twice: leave one of them out`;
      return { hidden: new Set(short), mistakes: isMistake ? [mistake] : [] };
    }
    if (other !== undefined) return { hidden: new Set(['listen']), mistakes: [] };
  }
  return { hidden: new Set(), mistakes: [] };
}

/** What a mistake is about, with its place: `--guests`, or `a-chat.yaml:3:7 guests`. */
function subject(key: Key, place: string | undefined): string {
  if (place === undefined) return nameOf(key);
  return place === flagOf(key) || place === variableOf(key) ? place : `${place} ${nameOf(key)}`;
}
