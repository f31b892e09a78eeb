import { contradictions } from './conflicts.ts';
import { type Environment, notesOn, strangers, variable } from './environment.ts';
import { OptionError } from './error.ts';
import type { WrittenValue } from './kinds.ts';
import { counterflagOf, flagOf, nameOf, variableOf } from './option-names.ts';
import { type Key, type Settings, keys, settings } from './table.ts';

/** A value as an operator wrote it, and its place: `--port`, `A_CHAT_PORT`, or a position in a file. */
export interface Written {
  readonly value: WrittenValue;
  readonly place: string;
}

/** The options of the command line, as they were written. */
export type Options = Readonly<Record<string, WrittenValue | undefined>>;

/** The settings and the mistakes of a file, each with its place: `a-chat.yaml:3:7`. */
export interface FileOfSettings {
  readonly given: ReadonlyMap<Key, Written>;
  readonly mistakes: readonly string[];
  /** The settings whose value in the file is invalid. */
  readonly wrong: ReadonlySet<Key>;
}

export const NO_FILE: FileOfSettings = { given: new Map(), mistakes: [], wrong: new Set() };

/** All settings, and the places of those that are not defaults. */
export interface Resolved {
  readonly values: Settings;
  readonly places: ReadonlyMap<Key, string>;
  /** The settings without effect: others stand in their place. */
  readonly hidden: ReadonlySet<Key>;
  /** Variables that are ignored, and why, one line each. */
  readonly notes: readonly string[];
}

/**
 * Makes settings of what an operator wrote. An option wins over the environment (`A_CHAT_PORT` for `--port`),
 * the environment over the file, and the file over the default. An empty variable counts as unset. Throws an
 * `OptionError` that names every mistake, those of the file included.
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
 * Makes some of the settings, as `resolveSettings` makes all. Contradictions are not looked for, and mistakes
 * in the other settings only in the file.
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

/** The sources of settings, the strongest first. */
function sourcesOf(options: Options, environment: Environment, file: FileOfSettings): readonly Source[] {
  const written = (value: WrittenValue | undefined, place: string) =>
    value === undefined ? undefined : { value, place };
  return [
    (key) => written(options[key], options[key] === false ? counterflagOf(key) : flagOf(key)),
    (key) => written(variable(key, environment), variableOf(key)),
    (key) => file.given.get(key),
  ];
}

/** The values of settings, with their places and mistakes. `wrong` has the settings that are invalid. */
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

/** The value of a setting in the strongest source that has one. */
function strongest(key: Key, sources: readonly Source[]): Written | undefined {
  for (const source of sources) {
    const written = source(key);
    if (written !== undefined) return written;
  }
  return undefined;
}

/**
 * Finds the settings without effect. `host` and `port` are the short form of `listen`: the form in the
 * stronger source hides the other. Both forms in one source are a mistake, except in the environment, where a
 * variable may have been set for another program.
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

/** The subject of a mistake, with its place: `--guests`, or `a-chat.yaml:3:7 guests`. */
function subject(key: Key, place: string | undefined): string {
  if (place === undefined) return nameOf(key);
  return place === flagOf(key) || place === variableOf(key) ? place : `${place} ${nameOf(key)}`;
}
