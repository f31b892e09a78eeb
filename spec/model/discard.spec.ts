import { Duplex } from 'node:stream';
import { discard } from '../../lib/model/discard.ts';
import { until } from '../support/until.ts';

/** A connection of which there is always more to read. */
class Flood extends Duplex {
  static chunks = 0;
  left = Infinity;

  override _read(): void {
    Flood.chunks += 1;
    this.left -= 1;
    this.push(this.left > 0 ? Buffer.alloc(65_536) : null);
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

test('what thousands go on writing is thrown away a bounded part at a time, and theirs have all a turn', async () => {
  const floods = Array.from({ length: 3000 }, () => new Flood());
  for (const flood of floods) discard(flood);
  let most = 0;
  const ended = () => floods.filter(({ readableEnded }) => readableEnded).length;
  for (let turns = 0; turns < 200; turns += 1) {
    const before = Flood.chunks;
    await turn();
    most = Math.max(most, Flood.chunks - before);
  }
  expect(most).toBeGreaterThan(0);
  // Some more than one of each that has its turn.
  expect(most).toBeLessThan(300);
  for (const flood of floods) flood.left = 2;
  await until(
    () => ended() === floods.length,
    () => `the end of all, after that of ${ended()}`,
  );
});
