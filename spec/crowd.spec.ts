import { Crowd } from '../lib/crowd.ts';

beforeEach(() => jest.useFakeTimers());

afterEach(() => jest.useRealTimers());

describe('a crowd', () => {
  test('is told one by one up to a bound, then as a sum, and from the start again', () => {
    const sums: [string, number][] = [];
    const crowd = new Crowd(1000, 2, (...sum) => sums.push(sum));
    const tell = (kind: string, count: number) => Array.from({ length: count }, () => crowd.hasRoom(kind));
    expect(tell('a', 5)).toEqual([true, true, false, false, false]);
    expect(tell('b', 2)).toEqual([true, true]);
    jest.advanceTimersByTime(999);
    expect(tell('a', 1)).toEqual([false]);
    expect(sums).toEqual([]);
    jest.advanceTimersByTime(1);
    expect(sums).toEqual([['a', 4]]);
    expect(tell('a', 3)).toEqual([true, true, false]);
  });

  test('is summed up at once when there is no more time', () => {
    const sums: [string, number][] = [];
    const crowd = new Crowd(1000, 1, (...sum) => sums.push(sum));
    for (const kind of ['a', 'a', 'b', 'c', 'c', 'c']) crowd.hasRoom(kind);
    crowd.flush();
    expect(sums).toEqual([
      ['a', 1],
      ['c', 2],
    ]);
    jest.advanceTimersByTime(1000);
    expect(sums).toHaveLength(2);
  });
});
