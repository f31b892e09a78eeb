import * as v from 'valibot';
import { ENDPOINT_FORMS, parseAddress, parseEndpoint } from '../protocol/endpoint.ts';
import { endpointProblem } from './socket-path.ts';

/** A value as an operator writes it: a text, a switch, or several texts. */
export type WrittenValue = string | boolean | readonly string[];

/** A kind of value: how it is checked, read and shown. A time is ms as a value, and seconds as a text. */
export interface Kind<T> {
  /** The stand-in for a value in the help text; empty for a switch. */
  readonly placeholder: string;
  /** Returns the problem of a value; `undefined` for a valid one. */
  readonly check: (value: unknown) => string | undefined;
  /** Returns the value that was written, and its problem; that is `undefined` for a valid one. */
  readonly read: (written: WrittenValue) => readonly [unknown, string | undefined];
  /** Returns the text of a valid value. */
  readonly show: (value: T) => string;
}

/**
 * Makes a kind of value.
 *
 * @param must what a value must be, said of one that is not; a schema may have a message of its own
 * @param values the schema of values
 * @param texts the schema of texts, which makes values of them
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

/** The schema of texts of a form, which `read` makes numbers of. */
function numeral(form: RegExp, read: (text: string) => number) {
  return v.pipe(v.string(), v.regex(form), v.transform(read));
}

function integer(least: number, most: number) {
  return v.pipe(v.number(), v.integer(), v.minValue(least), v.maxValue(most));
}

const NON_EMPTY = v.pipe(v.string(), v.nonEmpty());

export function text(placeholder: string): Kind<string> {
  return kind('a text that is not empty', placeholder, NON_EMPTY, NON_EMPTY);
}

/** The name of a file; `undefined` where none is given. */
export const file: Kind<string | undefined> = kind(
  'the name of a file',
  '<file>',
  v.optional(NON_EMPTY),
  NON_EMPTY,
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

/** ms of the longest time-out that `setTimeout` takes. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/**
 * A time.
 *
 * @param least ms of the shortest
 */
export function seconds(least = 0): Kind<number> {
  const must = `a time from ${least / 1000} to ${Math.floor(MAX_TIMEOUT_MS / 1000)} s`;
  const values = v.pipe(v.number(), v.minValue(least), v.maxValue(MAX_TIMEOUT_MS));
  const read = numeral(/^\d+(\.\d+)?$/, (text) => Math.round(Number(text) * 1000));
  return kind(must, '<seconds>', values, v.pipe(read, values), (value) => String(value / 1000));
}

const MODE = integer(0, 0o777);
const OCTAL = numeral(/^[0-7]+$/, (text) => parseInt(text, 8));

/** Permissions of a file, written as for `chmod`. */
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

/** Several endpoints. A single text has commas or blanks between them. */
export const endpoints: Kind<readonly string[]> = kind(
  ENDPOINT_FORMS,
  '<endpoint>',
  ENDPOINTS,
  v.pipe(v.string(), LIST, ENDPOINTS),
  (value) => value.join(' '),
);

const ADDRESS = v.check((text: string) => text === '' || parseAddress(text) !== undefined);
const NO_OR_ADDRESS = v.pipe(v.string(), ADDRESS);

/** An address; empty where none is given. */
export const address = kind(
  '<address>:<port> or <port>',
  '<address>',
  NO_OR_ADDRESS,
  NO_OR_ADDRESS,
  (value) => value || 'none',
);
