import { closeSync, openSync } from 'node:fs';
import { freeDescriptors } from '../../lib/os/descriptors.ts';

describe('the descriptors that are free', () => {
  test('are fewer by each file that is open', () => {
    const before = freeDescriptors() ?? NaN;
    expect(before).toBeGreaterThan(0);
    // Opened and closed without a turn of the event loop, in which something else could open or close.
    const files = Array.from({ length: 10 }, () => openSync('/dev/null', 'r'));
    const during = freeDescriptors();
    for (const file of files) closeSync(file);
    expect(during).toBe(before - files.length);
    expect(freeDescriptors()).toBe(before);
  });
});
