/** What was read, when, and how long it took: of this page only, and gone when it is closed. */

import type { Reading } from "./readers";

export interface Look {
  /** ms since the page was opened. */
  at: number;
  name: string;
  share: number;
  /** ms from the frame to the answer, and of those for finding the face. */
  took: number;
  finding: number;
}

/** ms of looks that are kept and shown. */
export const MINUTE = 60_000;

export class Session {
  reading = $state.raw<Reading | null>(null);
  looks = $state.raw<readonly Look[]>([]);
  total = $state(0);

  add(reading: Reading, at: number, took: number, finding: number): void {
    const best = reading.ranked[0];
    this.reading = reading;
    this.total += 1;
    if (!best) return;
    const look = { at, name: best.name, share: best.share, took, finding };
    this.looks = [...this.looks.filter((one) => one.at > at - MINUTE), look];
  }

  clear(): void {
    this.reading = null;
    this.looks = [];
    this.total = 0;
  }

  /** Looks in the last second before `at`. */
  rate(at: number): number {
    return this.looks.filter((look) => look.at > at - 1_000).length;
  }
}

/** The value that this share of all values does not exceed; nearest rank. Null for none. */
export function quantile(values: readonly number[], share: number): number | null {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))] ?? null;
}

export interface Span {
  name: string;
  from: number;
  to: number;
  share: number;
}

/** Looks that follow each other and say the same, as one span; a pause of more than `gap` ms ends it. */
export function spans(looks: readonly Look[], gap = 1_500): Span[] {
  const found: (Span & { count: number })[] = [];
  for (const { at, name, share } of looks) {
    const last = found.at(-1);
    if (last && at - last.to <= gap && last.name === name) {
      last.to = at;
      last.share += (share - last.share) / ++last.count;
    } else {
      if (last && at - last.to <= gap) last.to = at;
      found.push({ name, from: at, to: at, share, count: 1 });
    }
  }
  return found.map(({ count: _, ...span }) => span);
}
