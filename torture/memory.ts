import { readFileSync } from 'node:fs';

/** ms between two looks. */
const LOOK = 50;

/** The most memory that a process held while it was watched. */
export class PeakMemory {
  #bytes = 0;
  readonly #timer: NodeJS.Timeout;

  constructor(pid: number) {
    this.#timer = setInterval(() => {
      this.#bytes = Math.max(this.#bytes, residentSize(pid));
    }, LOOK);
  }

  get bytes(): number {
    return this.#bytes;
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

/** Bytes of memory that a process holds; 0 where it has ended. */
export function residentSize(pid: number): number {
  try {
    const kibi = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
    return Number(kibi ?? 0) * 1024;
  } catch {
    return 0;
  }
}

export function mebi(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}
