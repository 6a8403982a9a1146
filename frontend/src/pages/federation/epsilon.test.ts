import { describe, expect, it } from "vitest";
import { epsilon, noiseFor } from "./epsilon";

describe("the privacy that a job spends", () => {
  // Noise, rounds, δ, ε: as flwr 1.41 with dp-accounting 0.6 counts them, without amplification.
  it.each([
    [1, 1, 1e-5, 4.728507067217623],
    [2, 20, 1e-5, 12.301691480042894],
    [0.7, 10, 1e-5, 30.53479436915647],
    [5, 100, 1e-6, 11.68862679916635],
    [10, 5, 1e-5, 0.8969598057188236],
    [100, 1, 1e-3, 0.014229543167109062],
    [3.3, 50, 1e-5, 11.67073853549844],
  ])("is what the node counts: noise %d, %d rounds, δ %d", (noise, rounds, delta, spent) => {
    expect(epsilon(noise, rounds, delta)).toBeCloseTo(spent, 10);
  });

  it("is nothing before the first round", () => expect(epsilon(1, 0, 1e-5)).toBe(0));

  it.each([
    [0.5, 20],
    [4, 20],
    [20, 5],
  ])("stays within a limit of %d over %d rounds, and uses it up", (limit, rounds) => {
    const spent = epsilon(noiseFor(limit, rounds, 1e-5), rounds, 1e-5);
    expect(spent).toBeLessThanOrEqual(limit);
    expect(spent).toBeGreaterThan(0.999 * limit);
  });
});
