import { setTimeout as pause } from 'node:timers/promises';
import { enter } from './cast.ts';
import type { Client } from './client.ts';
import type { Order, Outcome } from './order.ts';
import { blocks, scheduled, single } from './pace.ts';
import { cpuTime, residentSize } from './proc.ts';
import { Schedule } from './schedule.ts';

/** The load process: carries out the one order that it is sent, and answers with the outcome. */

/** ms to wait for what comes after the last message, or for memory to be what it stays. */
const LINGER = 100;
const SETTLE = 1000;

process.once('message', (order: Order) => {
  run(order)
    .catch((failure: unknown): Outcome => ({ fault: String(failure) }))
    .then((outcome) => process.send?.(outcome, () => process.exit()))
    .catch(() => process.exit(1));
});
process.once('disconnect', () => process.exit(1));

/** The outcome, or the first fault. */
async function run(order: Order): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const fault = (what: string) => {
      resolve({ fault: what });
    };
    measure(order, fault).then(resolve, reject);
  });
}

async function measure(order: Order, fault: (what: string) => void): Promise<Outcome> {
  const { pid, work, limit } = order;
  const empty = residentSize(pid);
  let schedule: Schedule | undefined;
  let delivered = 0;
  let incomplete = 0;
  let finish = () => {};
  const finished = new Promise<void>((resolve) => (finish = resolve));
  const deadline = setTimeout(() => {
    fault(`not complete after ${limit} s: ${delivered} messages were delivered`);
  }, limit * 1000);

  const { clients, senders } = await enter(order, {
    received: (sender, first, end) => {
      delivered += end - first;
      schedule?.arrived(sender, first, end);
    },
    complete: () => {
      incomplete -= 1;
      if (incomplete === 0) finish();
    },
    fault,
  });
  if ('idle' in work) {
    await pause(SETTLE);
    const memory = (residentSize(pid) - empty) / 1024 / work.idle;
    leave(clients);
    return { figures: { memory } };
  }

  incomplete = clients.filter(({ inbox }) => !inbox.done).length;
  const { pace } = work;
  if (typeof pace === 'object') schedule = new Schedule(senders.length, pace.rate, pace.warmUp);
  const cpu = cpuTime(pid);
  const own = process.cpuUsage();
  const began = performance.now();
  if (schedule !== undefined) scheduled(senders, schedule);
  else if (pace === 'single') single(senders);
  else blocks(senders);
  await finished;

  const milliseconds = performance.now() - began;
  const used = process.cpuUsage(own);
  const figures = {
    cpu: (cpuTime(pid) - cpu) / delivered,
    own: (used.user + used.system) / delivered,
    rate: delivered / milliseconds,
  };
  await pause(LINGER);
  clearTimeout(deadline);
  leave(clients);
  return { figures: { ...figures, ...schedule?.figures } };
}

function leave(clients: readonly Client[]): void {
  for (const client of clients) client.leave();
}
