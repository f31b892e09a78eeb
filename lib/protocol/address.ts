/** The host of an address, for all that is counted by address. */

/** First groups of an IPv4 address that is written as IPv6. */
const MAPPED = [0, 0, 0, 0, 0, 0xffff];

/** Groups that name the network of an IPv6 address. A host may use all addresses of its /64. */
const NETWORK_GROUPS = 4;

/**
 * The host at `address`: the IPv4 address, also where it is written as IPv6, or the /64 of an IPv6 address.
 * All spellings of an address give the same host. Any other text is returned as it is.
 */
export function hostOf(address: string): string {
  if (!address.includes(':')) return address;
  const [plain = ''] = address.split('%');
  const groups = groupsOf(plain);
  if (groups.length !== 8 || groups.some(Number.isNaN)) return address;
  if (MAPPED.every((group, index) => group === groups[index])) return dotted(groups.slice(MAPPED.length));
  return groups
    .slice(0, NETWORK_GROUPS)
    .map((group) => group.toString(16))
    .join(':');
}

/** Counts by host. `undefined` stands for no address, and is not counted. */
export class HostCount {
  readonly #counts = new Map<string, number>();

  /** The count of the host at `address`. */
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
 * The eight groups of an IPv6 address. Any other text gives another number of groups, or one that is `NaN`.
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

/** A group, or the two groups of a dotted end. */
function groupOf(text: string): number[] {
  const bytes = text.split('.').map(Number);
  const [a = NaN, b = NaN, c = NaN, d = NaN] = bytes;
  if (bytes.length === 4) return [a * 256 + b, c * 256 + d];
  return [/^[\da-f]{1,4}$/i.test(text) ? parseInt(text, 16) : NaN];
}

function dotted(groups: readonly number[]): string {
  return groups.flatMap((group) => [group >> 8, group & 255]).join('.');
}
