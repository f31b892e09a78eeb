import fs from 'node:fs';
import { Unacknowledged } from '../../lib/writers/unacknowledged.ts';
import { sendBufferLimit } from '../../lib/os/send-buffer.ts';

const MB = 2 ** 20;

describe('a ledger', () => {
  it('counts the messages that the last bytes reach into, and never too few', () => {
    const ledger = new Unacknowledged();
    ledger.note(60_000, 600);
    ledger.note(8192, 3);
    ledger.note(50, 0);
    expect(ledger.lastMessages(0)).toBe(0);
    expect(ledger.lastMessages(50)).toBe(0);
    expect(ledger.lastMessages(51)).toBe(3);
    expect(ledger.lastMessages(8242)).toBe(3);
    expect(ledger.lastMessages(8243)).toBe(603);
    expect(ledger.lastMessages(1e9)).toBe(603);
  });

  it('takes no message for lost with last words that stand apart', () => {
    const ledger = new Unacknowledged();
    ledger.note(500, 5);
    ledger.note(30, 0, true);
    expect(ledger.lastMessages(30)).toBe(0);
    expect(ledger.lastMessages(31)).toBe(5);
  });

  it('goes back 8 MiB however much was written, in whatever pieces', () => {
    for (const piece of [40, 5000, 70_000]) {
      const ledger = new Unacknowledged();
      for (let written = 0; written < 64 * 2 ** 20; written += piece) ledger.note(piece, 1);
      const least = Math.floor((8 * 2 ** 20) / piece);
      expect(ledger.lastMessages(8 * 2 ** 20)).toBeGreaterThanOrEqual(least);
      expect(ledger.lastMessages(Infinity)).toBeLessThan(3 * least);
    }
  });
});

describe('what a ledger goes back', () => {
  afterEach(() => {
    jest.restoreAllMocks();
  });

  it.each([4, 32])('is twice the %i MiB that the system may hold of a connection', (limit) => {
    jest.spyOn(fs, 'readFileSync').mockReturnValue(`4096\t16384\t${limit * MB}\n`);
    expect(sendBufferLimit()).toBe(limit * MB);
    const ledger = new Unacknowledged();
    const piece = 70_000;
    for (let written = 0; written < 8 * limit * MB; written += piece) ledger.note(piece, 1);
    expect(ledger.lastMessages(2 * limit * MB)).toBeGreaterThanOrEqual(Math.floor((2 * limit * MB) / piece));
    expect(ledger.lastMessages(Infinity)).toBeLessThan((5 * limit * MB) / piece);
  });

  it('is what Linux holds of itself where the system does not say', () => {
    for (const text of ['', 'nonsense', '1 2']) {
      jest.spyOn(fs, 'readFileSync').mockReturnValue(text);
      expect(sendBufferLimit()).toBe(4 * MB);
    }
    jest.spyOn(fs, 'readFileSync').mockImplementation(() => {
      throw new Error('no such file');
    });
    expect(sendBufferLimit()).toBe(4 * MB);
  });
});
