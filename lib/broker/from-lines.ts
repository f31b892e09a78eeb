import { NEWLINE, copy, isPlain } from '../model/bytes.ts';
import { trim } from '../protocol/text.ts';

const LINE_END = Buffer.of(NEWLINE);

/**
 * The bytes of the `from` lines of message texts.
 *
 * @param prefix the beginning of each line
 * @param block bytes that have the texts
 * @param bodies the indices in `block` of the beginning and the end of each text, in turn
 * @param harmless makes a text with control characters fit to be shown
 */
export function fromLines(
  prefix: Buffer,
  block: Buffer,
  bodies: readonly number[],
  harmless: (text: string) => string,
): Buffer {
  const wire = assemble(prefix, block, bodies);
  // Nearly all texts are plain. One check of the whole result costs less than one of each text.
  return isPlain(wire) ? wire : carefully(prefix, block, bodies, harmless);
}

function assemble(prefix: Buffer, block: Buffer, bodies: readonly number[]): Buffer {
  let size = (bodies.length / 2) * (prefix.length + 1);
  for (let index = 0; index < bodies.length; index += 2) {
    size += (bodies[index + 1] ?? 0) - (bodies[index] ?? 0);
  }
  const wire = Buffer.allocUnsafe(size);
  let at = 0;
  for (let index = 0; index < bodies.length; index += 2) {
    at = copy(prefix, 0, prefix.length, wire, at);
    at = copy(block, bodies[index] ?? 0, bodies[index + 1] ?? 0, wire, at);
    wire[at] = NEWLINE;
    at += 1;
  }
  return wire;
}

function carefully(
  prefix: Buffer,
  block: Buffer,
  bodies: readonly number[],
  harmless: (text: string) => string,
): Buffer {
  const parts: Buffer[] = [];
  for (let index = 0; index < bodies.length; index += 2) {
    const body = block.subarray(bodies[index], bodies[index + 1]);
    parts.push(prefix, isPlain(body) ? body : Buffer.from(harmless(trim(body.toString()))), LINE_END);
  }
  return Buffer.concat(parts);
}
