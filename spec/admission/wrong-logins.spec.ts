import { Subject } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { WrongLogins } from '../../lib/admission/wrong-logins.ts';
import { TaskLimit } from '../../lib/admission/task-limit.ts';

describe('wrong logins', () => {
  const noteTen = (attempts: WrongLogins, address: string | undefined) => {
    for (let count = 0; count < 10; count += 1) attempts.note(address);
  };

  it('exhaust an address at the tenth, and no other', () => {
    const attempts = new WrongLogins();
    for (let count = 0; count < 10; count += 1) {
      expect(attempts.exhausted('10.0.0.1')).toBe(false);
      attempts.note('10.0.0.1');
    }
    expect(attempts.exhausted('10.0.0.1')).toBe(true);
    expect(attempts.exhausted('::ffff:10.0.0.1')).toBe(true);
    expect(attempts.exhausted('10.0.0.2')).toBe(false);
    expect(attempts.exhausted(undefined)).toBe(false);
  });

  it('are forgotten, one every 30 s', () => {
    const scheduler = new TestScheduler(() => {});
    const clock = jest.spyOn(performance, 'now').mockImplementation(() => scheduler.now());
    scheduler.run(({ cold }) => {
      const attempts = new WrongLogins();
      noteTen(attempts, '10.0.0.1');
      const seen: boolean[] = [];
      cold('- 29998ms a 2ms b').subscribe(() => seen.push(attempts.exhausted('10.0.0.1')));
      cold('30010ms a').subscribe(() => {
        attempts.note('10.0.0.1');
        seen.push(attempts.exhausted('10.0.0.1'));
      });
      cold('300s a').subscribe(() => {
        expect(seen).toEqual([true, false, true]);
      });
    });
    clock.mockRestore();
    expect.assertions(1);
  });

  it('of more addresses than are remembered push out the oldest', () => {
    const attempts = new WrongLogins();
    noteTen(attempts, '10.0.0.1');
    for (let count = 0; count < 9999; count += 1) attempts.note(`10.1.${count >> 8}.${count & 255}`);
    expect(attempts.exhausted('10.0.0.1')).toBe(true);
    attempts.note('10.2.0.0');
    expect(attempts.exhausted('10.0.0.1')).toBe(false);
  });
});

describe('a limit of tasks', () => {
  it('runs so many tasks at a time, in order, and spares what nobody waits for any more', async () => {
    const limit = new TaskLimit(2, 3);
    const begun: number[] = [];
    const results: number[] = [];
    const gates = Array.from({ length: 5 }, () => new Subject<void>());
    const task = (index: number) => async () => {
      begun.push(index);
      await new Promise<void>((resolve) => gates[index]?.subscribe({ complete: resolve }));
      return index;
    };
    const running = gates.map((_gate, index) =>
      limit.run(task(index)).subscribe((result) => results.push(result)),
    );
    expect(begun).toEqual([0, 1]);
    expect(limit.full).toBe(true);

    running[2]?.unsubscribe();
    gates[0]?.complete();
    await new Promise(setImmediate);
    expect([begun, results, limit.full]).toEqual([[0, 1, 3], [0], false]);
    for (const gate of gates) gate.complete();
    await new Promise(setImmediate);
    gates[4]?.complete();
    await new Promise(setImmediate);
    expect(results).toEqual([0, 1, 3, 4]);
  });

  it('tells whoever asked of a task that failed, and goes on', async () => {
    const limit = new TaskLimit(1, 1);
    const failure = new Error('out of memory');
    const heard: unknown[] = [];
    limit.run(() => Promise.reject(failure)).subscribe({ error: (one: unknown) => heard.push(one) });
    limit.run(() => Promise.resolve('next')).subscribe((one) => heard.push(one));
    await new Promise(setImmediate);
    expect(heard).toEqual([failure, 'next']);
  });
});
