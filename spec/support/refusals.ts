import type { Peer } from './peer.ts';
import type { Server } from './server.ts';

/** An error line: its code, what it is about, and something to read. */
export function refusal(code: string, subject = ''): RegExp {
  const literal = [code, subject]
    .join(' ')
    .trimEnd()
    .replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^! ${literal}: \\S.*$`);
}

/** Expects that `peer` hears why its connection is refused and nothing else, and the operator hears of it. */
export async function expectTurnedAway(server: Server, peer: Peer, code: string): Promise<void> {
  const [error, ...rest] = (await peer.whole()).split('\n');
  expect(error).toMatch(refusal(code));
  expect(rest).toEqual([`* closing ${code}: accepted 0, delivered 0`, '']);
  expect(server.all('refused')).toEqual([{ type: 'refused', code, name: undefined, remote: peer.address }]);
}
