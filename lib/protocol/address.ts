/** Whose an address is, for all that is counted by it. */

/** IPv4 in the notation of IPv6. */
const MAPPED = [0, 0, 0, 0, 0, 0xffff];

/** Groups that a host of IPv6 does not choose itself: it has all addresses of its /64. */
const NETWORK = 4;

/**
 * What stands for the host at `address`: an address of IPv4, also where it is written as one of IPv6, or the
 * /64 of one of IPv6. All spellings of an address give the same; what is no address stands for itself.
 */
export function hostOf(address: string): string {
  if (!address.includes(':')) return address;
  const [plain = ''] = address.split('%');
  const groups = groupsOf(plain);
  if (groups.length !== 8 || groups.some(Number.isNaN)) return address;
  if (MAPPED.every((group, index) => group === groups[index])) return dotted(groups.slice(MAPPED.length));
  return groups
    .slice(0, NETWORK)
    .map((group) => group.toString(16))
    .join(':');
}

/** Counts by host. What has no address is of no host, and not counted. */
export class HostCount {
  readonly #counts = new Map<string, number>();

  of(address: string | undefined): number {
    return address === undefined ? 0 : (this.#counts.get(hostOf(address)) ?? 0);
  }

  add(address: string | undefined): void {
    this.#change(address, 1);
  }

  remove(address: string | undefined): void {
    this.#change(address, -1);
  }

  #change(address: string | undefined, by: number): void {
    if (address === undefined) return;
    const host = hostOf(address);
    const count = (this.#counts.get(host) ?? 0) + by;
    if (count === 0) this.#counts.delete(host);
    else this.#counts.set(host, count);
  }
}

/**
 * The eight groups of an address of IPv6; any other number of them, or one that is `NaN`, where it is none.
 */
function groupsOf(address: string): number[] {
  const [head = '', tail, more] = address.split('::');
  if (more !== undefined) return [];
  const left = listOf(head);
  if (tail === undefined) return left;
  const right = listOf(tail);
  return [...left, ...Array<number>(Math.max(0, 8 - left.length - right.length)).fill(0), ...right];
}

function listOf(text: string): number[] {
  return text === '' ? [] : text.split(':').flatMap(groupOf);
}

/** A group, or the two that a dotted end stands for. */
function groupOf(text: string): number[] {
  const bytes = text.split('.').map(Number);
  const [a = NaN, b = NaN, c = NaN, d = NaN] = bytes;
  if (bytes.length === 4) return [a * 256 + b, c * 256 + d];
  return [/^[\da-f]{1,4}$/i.test(text) ? parseInt(text, 16) : NaN];
}

function dotted(groups: readonly number[]): string {
  return groups.flatMap((group) => [group >> 8, group & 255]).join('.');
}
