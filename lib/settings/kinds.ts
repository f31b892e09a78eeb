import * as v from 'valibot';
import { ENDPOINT_FORMS, parseAddress, parseEndpoint } from '../protocol/endpoint.ts';
import { endpointProblem } from './socket-path.ts';

/** What an operator writes: a text, a switch, or several texts. */
export type WrittenValue = string | boolean | readonly string[];

/** What a setting can be, and how it is written. Times are ms here, and seconds for the operator. */
export interface Kind<T> {
  /** What stands for a value in the help text; empty for a switch. */
  readonly placeholder: string;
  /** What is wrong with a value, if anything. */
  readonly check: (value: unknown) => string | undefined;
  /** The value that is meant by what was written, and what is wrong with it, if anything. */
  readonly read: (written: WrittenValue) => readonly [unknown, string | undefined];
  readonly show: (value: T) => string;
}

/**
 * @param must what is said of a value that cannot be, unless its schema says more
 * @param values takes the values that there can be
 * @param texts takes what an operator writes, and makes a value of it
 */
function kind<T>(
  must: string,
  placeholder: string,
  values: v.GenericSchema<T>,
  texts: v.GenericSchema<string, T>,
  show: (value: T) => string = String,
): Kind<T> {
  const parse = (schema: v.GenericSchema, given: unknown) => {
    const { output, issues } = v.safeParse(schema, given, { message: `must be ${must}` });
    return [output, issues && `${issues[0].message}, not '${String(given)}'`] as const;
  };
  return {
    placeholder,
    check: (value) => parse(values, value)[1],
    read: (written) => parse(typeof written === 'string' ? texts : values, written),
    show,
  };
}

/** Takes texts of that form, and makes numbers of them. */
function numeral(form: RegExp, read: (text: string) => number) {
  return v.pipe(v.string(), v.regex(form), v.transform(read));
}

function integer(least: number, most: number) {
  return v.pipe(v.number(), v.integer(), v.minValue(least), v.maxValue(most));
}

const FILLED = v.pipe(v.string(), v.nonEmpty());

export function text(placeholder: string): Kind<string> {
  return kind('a text that is not empty', placeholder, FILLED, FILLED);
}

/** A file that there need not be. */
export const file: Kind<string | undefined> = kind(
  'the name of a file',
  '<file>',
  v.optional(FILLED),
  FILLED,
  (value = 'none') => value,
);

export function choice<T extends string>(choices: readonly T[], placeholder: string): Kind<T> {
  const one = v.picklist(choices);
  return kind(`one of ${choices.join(', ')}`, placeholder, one, one);
}

export function whole(least: number, most: number, placeholder: string): Kind<number> {
  const values = integer(least, most);
  const texts = v.pipe(numeral(/^\d+$/, Number), values);
  return kind(`a whole number from ${least} to ${most}`, placeholder, values, texts);
}

/** setTimeout's limit. */
const MAX_MS = 2 ** 31 - 1;

/** @param least ms */
export function seconds(least = 0): Kind<number> {
  const must = `a time from ${least / 1000} to ${Math.floor(MAX_MS / 1000)} s`;
  const values = v.pipe(v.number(), v.minValue(least), v.maxValue(MAX_MS));
  const read = numeral(/^\d+(\.\d+)?$/, (text) => Math.round(Number(text) * 1000));
  return kind(must, '<seconds>', values, v.pipe(read, values), (value) => String(value / 1000));
}

const MODE = integer(0, 0o777);
const OCTAL = numeral(/^[0-7]+$/, (text) => parseInt(text, 8));

/** Permissions, written as for `chmod`. */
export const mode = kind('an octal number up to 777', '<octal>', MODE, v.pipe(OCTAL, MODE), (value) =>
  value.toString(8),
);

const SWITCH = v.pipe(
  v.picklist(['1', 'true', '0', 'false']),
  v.transform((text) => text === '1' || text === 'true'),
);

export const flag = kind('true or false', '', v.boolean(), SWITCH);

const ENDPOINT = v.rawCheck<string>(({ dataset, addIssue }) => {
  const endpoint = dataset.typed ? parseEndpoint(dataset.value) : undefined;
  const message = endpoint === undefined ? `must be ${ENDPOINT_FORMS}` : endpointProblem(endpoint);
  if (message !== undefined) addIssue({ message });
});
const ENDPOINTS = v.pipe(v.array(v.pipe(v.string(), ENDPOINT)), v.readonly());
const LIST = v.transform((text: string) => text.split(/[\s,]+/).filter((one) => one !== ''));

/** Given once for each endpoint; in the environment separated by commas or blanks. */
export const endpoints: Kind<readonly string[]> = kind(
  ENDPOINT_FORMS,
  '<endpoint>',
  ENDPOINTS,
  v.pipe(v.string(), LIST, ENDPOINTS),
  (value) => value.join(' '),
);

const ADDRESS = v.check((text: string) => text === '' || parseAddress(text) !== undefined);
const NO_OR_ADDRESS = v.pipe(v.string(), ADDRESS);

/** An address that there need not be. */
export const address = kind(
  '<address>:<port> or <port>',
  '<address>',
  NO_OR_ADDRESS,
  NO_OR_ADDRESS,
  (value) => value || 'none',
);
