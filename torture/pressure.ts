import { Command } from 'commander';
import { Program } from '../spec/support/program.ts';
import { mebi, residentSize } from './memory.ts';
import { Peer } from './peer.ts';

/**
 * One peer that never reads and ten senders that flood it, for a while: what it costs the server in memory,
 * and ten other pairs in throughput.
 */

const PAIRS = 10;
const FLOODERS = 10;

interface Figures {
  /** Deliveries a second among the pairs. */
  readonly rate: number;
  /** Bytes more than the idle server had, at most. */
  readonly growth: number;
}

const { seconds } = new Command('pressure')
  .option('--seconds <number>', 'of each measurement', Number, 30)
  .parse()
  .opts<{ seconds: number }>();

const flood = await measure(false, true);
const alone = await measure(true, false);
const both = await measure(true, true);
console.log(`a peer that never reads, ${FLOODERS} senders that flood it for ${seconds} s:`);
console.log(`  memory grew by at most ${mebi(flood.growth)} over the idle server`);
console.log(
  `  ${PAIRS} other pairs: ${both.rate.toFixed(0)} messages/s beside it, ${alone.rate.toFixed(0)} alone`,
);
console.log(`  that is ${(both.rate / alone.rate).toFixed(2)} of their throughput`);
console.log(
  `  with the pairs memory grew by ${mebi(both.growth)}, and by ${mebi(alone.growth)} with them alone`,
);

async function measure(withPairs: boolean, withFlood: boolean): Promise<Figures> {
  const program = await Program.serve();
  const peers: Peer[] = [];
  const enter = async (name: string, neverReads = false) => {
    const peer = new Peer({ port: program.port, ca: undefined }, name, { neverReads });
    peers.push(peer);
    await peer.login();
    return peer;
  };
  const receivers: Peer[] = [];
  try {
    const size = () => residentSize(program.child.pid ?? 0);
    const idle = size();
    if (withFlood) {
      await enter('victim', true);
      for (let index = 0; index < FLOODERS; index += 1) (await enter(`flooder-${index}`)).flood(['victim']);
    }
    if (withPairs) {
      for (let index = 0; index < PAIRS; index += 1) {
        receivers.push(await enter(`receiver-${index}`));
        (await enter(`sender-${index}`)).flood([`receiver-${index}`]);
      }
    }
    let peak = idle;
    const began = performance.now();
    while (performance.now() - began < seconds * 1000) {
      peak = Math.max(peak, size());
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const received = receivers.reduce((sum, { transcript }) => sum + transcript.received, 0);
    return { rate: (received / (performance.now() - began)) * 1000, growth: peak - idle };
  } finally {
    for (const peer of peers) peer.destroy();
    await program.stop();
  }
}
