/**
 * What privacy a job will have spent, as the node counts it: every round releases one Gaussian mean, and the spent ε is
 * told by Rényi differential privacy (Mironov, "Rényi differential privacy", CSF 2017) turned into (ε, δ) as in
 * Canonne, Kamath and Steinke, "The discrete Gaussian for differential privacy", NeurIPS 2020, proposition 12.
 * The orders are those of Google's dp-accounting, with which the node counts, so that the figures are the same.
 */

const ORDERS: readonly number[] = [
  ...Array.from({ length: 99 }, (_, i) => 1 + (i + 1) / 10),
  ...Array.from({ length: 53 }, (_, i) => 11 + i),
  ...[128, 256, 512, 1024],
];

/** ε after `rounds` with noise of `noise` clipping norms, at `delta`. */
export function epsilon(noise: number, rounds: number, delta: number): number {
  if (rounds <= 0) return 0;
  let best = Infinity;
  for (const a of ORDERS) {
    const spent = (rounds * a) / (2 * noise * noise);
    // So little is spent that its Kullback-Leibler divergence alone bounds δ.
    if (delta * delta + Math.expm1(-spent) > 0) return 0;
    if (a > 1.01) best = Math.min(best, spent + Math.log1p(-1 / a) - Math.log(delta * a) / (a - 1));
  }
  return Math.max(0, best);
}

/** The least noise with which `rounds` spend no more than `limit`; in clipping norms, 1000 at most. */
export function noiseFor(limit: number, rounds: number, delta: number): number {
  let [low, high] = [1e-3, 1000];
  for (let step = 0; step < 60; step++) {
    const middle = Math.sqrt(low * high);
    if (epsilon(middle, rounds, delta) > limit) low = middle;
    else high = middle;
  }
  return high;
}
