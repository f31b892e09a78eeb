import { PassThrough } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import fc from '../support/random.ts';
import type { Payload } from '../../lib/model/events.ts';
import { costOf } from '../../lib/writers/backlog.ts';
import { WriteBatches } from '../../lib/writers/write-batches.ts';
import { Session } from '../../lib/model/session.ts';

const from = new Session(new PassThrough(), { through: 'test' });

function payload(size: number, count = 1): Payload {
  return { bytes: Buffer.alloc(size, String(size)), count, from, end: undefined };
}

const KIB = 1024;

/** None, small ones, and such as are left apart. */
const sizes = fc.array(fc.oneof(fc.nat(100), fc.integer({ min: 15 * KIB, max: 70 * KIB }), fc.constant(0)), {
  maxLength: 30,
});

test('writes hold what was packed, whole and in order', () => {
  fc.assert(
    fc.property(sizes, (given) => {
      const payloads = given.map((size, index) => payload(size, index));
      const writes = new WriteBatches().pack(payloads);
      const packed = writes.flatMap(({ parts }) => parts);
      expect(Buffer.concat(packed).equals(Buffer.concat(payloads.map(({ bytes }) => bytes)))).toBe(true);
      for (const { parts, size } of writes) {
        expect(Buffer.concat(parts)).toHaveLength(size);
        expect(size).toBeGreaterThan(0);
        expect(size).toBeLessThanOrEqual(256 * KIB);
      }
    }),
  );
});

test('writes count the messages that they hold', () => {
  const payloads = [
    payload(200 * KIB, 1),
    payload(10, 2),
    payload(20, 4),
    payload(100 * KIB, 8),
    payload(5, 16),
  ];
  const writes = new WriteBatches().pack(payloads);
  expect(writes.map(({ count, size }) => ({ count, size }))).toEqual([
    { count: 1 + 2 + 4, size: 200 * KIB + 30 },
    { count: 8 + 16, size: 100 * KIB + 5 },
  ]);
});

test('small payloads are copied together, large ones are not copied', () => {
  const large = payload(20 * KIB);
  const [write] = new WriteBatches().pack([payload(1), payload(2), large, payload(3)]);
  expect(write?.parts.map(({ length }) => length)).toEqual([3, 20 * KIB, 3]);
  expect(write?.parts[1]).toBe(large.bytes);
});

test('a payload alone is not copied', () => {
  const only = payload(7);
  expect(new WriteBatches().pack([only])).toEqual([
    { parts: [only.bytes], size: 7, count: 1, cost: costOf(only) },
  ]);
});

test('the same payloads for the next recipient are the same writes, others are not', () => {
  const packing = new WriteBatches();
  const [one, two] = [payload(7), payload(7)];
  const writes = packing.pack([one, two]);
  expect(packing.pack([one, two])).toBe(writes);
  expect(packing.pack([two, one])).not.toBe(writes);
  expect(packing.pack([one])).toEqual([{ parts: [one.bytes], size: 7, count: 1, cost: costOf(one) }]);
});

test('writes outlive that the payloads are cleared, and are forgotten after the turn', async () => {
  const packing = new WriteBatches();
  const batch = [payload(7), payload(8)];
  const again = [...batch];
  const writes = packing.pack(batch);
  batch.length = 0;
  expect(packing.pack(again)).toBe(writes);
  await turn();
  expect(packing.pack(again)).not.toBe(writes);
});
