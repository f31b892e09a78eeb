import { type RunHelpers, TestScheduler } from 'rxjs/testing';

/** Runs `test` in virtual time, in which a character of a diagram is one millisecond. */
export function inVirtualTime(test: (helpers: RunHelpers) => void): void {
  const scheduler = new TestScheduler((actual, expected) => {
    expect(actual).toEqual(expected);
  });
  // RxJS makes the wall clock virtual, but not the one that durations go by.
  const clock = jest.spyOn(performance, 'now').mockImplementation(() => scheduler.now());
  try {
    scheduler.run(test);
  } finally {
    clock.mockRestore();
  }
}
