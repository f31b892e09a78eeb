import { setImmediate as nextTurn } from 'node:timers/promises';
import { FlushTiming } from '../../lib/writers/flush-timing.ts';

/** ms that the clock shows. */
let now = 0;

beforeEach(() => {
  now = 0;
  jest.spyOn(performance, 'now').mockImplementation(() => now);
});

afterEach(() => {
  jest.restoreAllMocks();
});

/** Waits for the end of the turn in as many places as told, and counts how many heard of it. */
function waiting(turn: FlushTiming, places: number): { heard: number } {
  const count = { heard: 0 };
  for (let place = 0; place < places; place += 1) {
    turn.atEnd(() => {
      count.heard += 1;
    });
  }
  return count;
}

test('the wait of a few is over at the end of the turn, though more comes', async () => {
  const whole = { bytes: 100 };
  const few = waiting(new FlushTiming(whole), 3);
  whole.bytes += 100;
  expect(few.heard).toBe(0);
  await nextTurn();
  expect(few.heard).toBe(3);
});

test('that of many goes on while each turn brings more, and is over when one does not', async () => {
  const whole = { bytes: 100 };
  const many = waiting(new FlushTiming(whole), 100);
  for (let more = 0; more < 5; more += 1) {
    await nextTurn();
    expect(many.heard).toBe(0);
    whole.bytes += 1;
  }
  await nextTurn();
  await nextTurn();
  expect(many.heard).toBe(100);
});

test('that of many is over after a while, whatever comes', async () => {
  const whole = { bytes: 100 };
  const many = waiting(new FlushTiming(whole), 100);
  for (now = 1; many.heard === 0; now += 1) {
    whole.bytes += 1;
    await nextTurn();
  }
  expect(now).toBeGreaterThan(15);
  expect(now).toBeLessThan(100);
  expect(many.heard).toBe(100);
});

test('each wait is one of its own', async () => {
  const turn = new FlushTiming({ bytes: 0 });
  const first = waiting(turn, 2);
  await nextTurn();
  const second = waiting(turn, 2);
  expect([first.heard, second.heard]).toEqual([2, 0]);
  await nextTurn();
  expect([first.heard, second.heard]).toEqual([2, 2]);
});
