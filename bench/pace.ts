import type { Sender } from './cast.ts';
import type { Schedule } from './schedule.ts';

/** Messages that a sender writes before it is the next one's turn. */
const TURN = 8;

/** Each sender writes block after block, the next when the system has taken the last. */
export function blocks(senders: readonly Sender[]): void {
  for (const { client, outbox } of senders) {
    const next = () => {
      // A turn of the event loop in between, so that there is reading too.
      if (!outbox.done) client.socket.write(outbox.take(Infinity), () => setImmediate(next));
    };
    next();
  }
}

/** One system call for each message: what is written goes out at once where nothing waits before it. */
export function single(senders: readonly Sender[]): void {
  const turn = () => {
    for (const { client, outbox } of senders) {
      for (let count = 0; count < TURN && !outbox.done && client.socket.writableLength === 0; count += 1) {
        client.socket.write(outbox.take(1));
      }
    }
    if (!senders.every(({ outbox }) => outbox.done)) setImmediate(turn);
  };
  turn();
}

/** Each message at its time, senders in turn. The loop spins: a timer would be up to 1 ms late. */
export function scheduled(senders: readonly Sender[], schedule: Schedule): void {
  let number = 0;
  schedule.begin();
  const turn = () => {
    for (;;) {
      const sender = senders[number % senders.length];
      if (sender === undefined || sender.outbox.done) return;
      const late = performance.now() - schedule.timeOf(number);
      // What the system has not taken holds its bytes in the block.
      if (late < 0 || sender.client.socket.writableLength > 0) break;
      sender.client.socket.write(sender.outbox.take(1));
      schedule.written(number, late);
      number += 1;
    }
    setImmediate(turn);
  };
  turn();
}
