import fc from '../support/random.ts';
import { copy, isPlain, standsAt } from '../../lib/model/bytes.ts';

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index);

const NOT_PLAIN = [...range(0, 0x08), ...range(0x0b, 0x1f), ...range(0x7f, 0xff)];

/** Lengths around those at which native functions take over. */
const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));
const place = fc.nat(300);

describe('isPlain', () => {
  it('holds for printable ASCII, tabs and newlines', () => {
    expect(isPlain(Buffer.from(''))).toBe(true);
    expect(isPlain(Buffer.from(`${String.fromCharCode(...range(0x20, 0x7e))}\t\n`))).toBe(true);
  });

  it('does not hold with any other byte, wherever it stands', () => {
    const wrong: unknown[] = [];
    for (const code of NOT_PLAIN) {
      // Every place among the words that are looked at together, at both ends and beyond the last whole ones,
      // aligned or not, and beside bytes that carry into it.
      for (const neighbour of [0x20, 0x7e, 0x0a]) {
        for (const length of [1, 3, 16, 21, 35]) {
          for (let at = 0; at < length; at += 1) {
            const bytes = Buffer.alloc(length, neighbour);
            bytes[at] = code;
            const moved = Buffer.concat([Buffer.from(' '), bytes]).subarray(1);
            if (isPlain(bytes) || isPlain(moved)) wrong.push({ code, neighbour, length, at });
          }
        }
      }
    }
    expect(wrong).toEqual([]);
  });

  it('is what a look at each byte by itself says', () => {
    const isPlainByte = (byte: number) => !NOT_PLAIN.includes(byte);
    const likely = fc.oneof({ weight: 200, arbitrary: fc.integer({ min: 0x20, max: 0x7e }) }, fc.nat(255));
    fc.assert(
      fc.property(fc.array(likely, { maxLength: 100 }), (array) => {
        expect(isPlain(Buffer.from(array))).toBe(array.every(isPlainByte));
      }),
    );
  });
});

test('standsAt finds what stands there, and nothing else', () => {
  fc.assert(
    fc.property(bytes, bytes, place, (before, head, at) => {
      expect(standsAt(Buffer.concat([before, head]), before.length, head)).toBe(true);
      expect(standsAt(before, at, head)).toBe(
        before.subarray(at, at + head.length).equals(head) && at + head.length <= before.length,
      );
      if (head.length === 0) return;
      const other = Buffer.from(head);
      other[at % head.length] = (head[at % head.length] ?? 0) ^ 1;
      expect(standsAt(Buffer.concat([before, other]), before.length, head)).toBe(false);
    }),
  );
});

test('copy copies what it is asked to, and tells where that ends', () => {
  fc.assert(
    fc.property(bytes, place, place, place, (source, one, other, at) => {
      const [from, end] = [
        Math.min(one, other, source.length),
        Math.min(Math.max(one, other), source.length),
      ];
      const target = Buffer.alloc(at + end - from + 1, 0xaa);
      expect(copy(source, from, end, target, at)).toBe(at + end - from);
      const expected = Buffer.concat([Buffer.alloc(at, 0xaa), source.subarray(from, end), Buffer.of(0xaa)]);
      expect(target.equals(expected)).toBe(true);
    }),
  );
});
