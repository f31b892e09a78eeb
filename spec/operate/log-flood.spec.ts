import { LogFlood, type Sum } from '../../lib/operate/log-flood.ts';

beforeEach(() => jest.useFakeTimers());

afterEach(() => jest.useRealTimers());

type Told = [kind: string, place: string | undefined, sum: Sum<'lost'>];

/**
 * A flood with the sums that it told, and a way to tell it `count` lines of a kind from a place, each of
 * which lost `lost`. That returns the number of lines logged.
 */
function makeFlood() {
  const sums: Told[] = [];
  const flood = new LogFlood<'lost'>((...told) => sums.push(told));
  const tell = (kind: string, place: string, count: number, lost = 0) =>
    Array.from({ length: count }, () => flood.hasRoom(kind, place, { lost })).filter(Boolean).length;
  return { flood, sums, tell };
}

describe('a flood', () => {
  test('of one place is told ten a second, then as a sum, and from the start again', () => {
    const { sums, tell } = makeFlood();
    expect(tell('a', 'here', 25, 2)).toBe(10);
    expect(tell('b', 'here', 10)).toBe(10);
    expect(tell('a', 'there', 10)).toBe(10);
    jest.advanceTimersByTime(999);
    expect(tell('a', 'here', 1, 5)).toBe(0);
    expect(sums).toEqual([]);
    jest.advanceTimersByTime(1);
    expect(sums).toEqual([['a', 'here', { count: 16, counts: { lost: 35 } }]]);
    expect(tell('a', 'here', 11)).toBe(10);
  });

  test('of many places is told a hundred a second, and the rest as one sum', () => {
    const { sums, tell } = makeFlood();
    const places = Array.from({ length: 5000 }, (_, index) => `place ${index}`);
    expect(places.reduce((sum, place) => sum + tell('a', place, 3, 1), 0)).toBe(100);
    jest.advanceTimersByTime(1000);
    expect(sums).toEqual([['a', undefined, { count: 14_900, counts: { lost: 14_900 } }]]);
  });

  test('has few sums, however many places it has', () => {
    const { sums, tell } = makeFlood();
    for (let place = 0; place < 5000; place += 1) tell('a', `place ${place}`, 20, 1);
    jest.advanceTimersByTime(1000);
    expect(sums).toHaveLength(11);
    expect(sums.reduce((total, [, , { count }]) => total + count, 0)).toBe(5000 * 20 - 100);
    expect(sums.reduce((total, [, , { counts }]) => total + counts.lost, 0)).toBe(5000 * 20 - 100);
  });

  test('is summed up at once when there is no more time, and not again', () => {
    const { flood, sums, tell } = makeFlood();
    tell('a', 'here', 11);
    flood.flush();
    expect(sums).toEqual([['a', 'here', { count: 1, counts: { lost: 0 } }]]);
    jest.advanceTimersByTime(500);
    tell('a', 'here', 12);
    // The window of what was summed up before is over now, the next one is not.
    jest.advanceTimersByTime(500);
    expect(sums).toHaveLength(1);
    jest.advanceTimersByTime(500);
    expect(sums.at(-1)).toEqual(['a', 'here', { count: 2, counts: { lost: 0 } }]);
  });
});
