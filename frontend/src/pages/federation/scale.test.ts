import { describe, expect, it } from "vitest";
import { apart, extremes, ticks } from "./scale";

describe("an axis", () => {
  it.each([
    [[0.61, 0.87], [0.6, 0.7, 0.8, 0.9]],
    [[3, 47], [0, 20, 40, 60]],
    [[0.5, 0.5], [0.46, 0.48, 0.5, 0.52, 0.54]],
    [[], [0, 1]],
  ])("of %j has round figures around all values", (values, expected) => {
    const found = ticks(values as number[]);
    if (values[0] !== values[1]) expect(found).toEqual(expected);
    for (const value of values as number[]) {
      expect(found[0]).toBeLessThanOrEqual(value);
      expect(found.at(-1)).toBeGreaterThanOrEqual(value);
    }
  });
});

describe("names at the ends of lines", () => {
  it("keep apart, in order, and within the chart", () => {
    const places = apart([100, 101, 50, 102], 17, 0, 120);
    const sorted = [...places].sort((a, b) => a - b);
    for (let i = 1; i < sorted.length; i++) expect(sorted[i]! - sorted[i - 1]!).toBeGreaterThanOrEqual(17 - 1e-9);
    expect(sorted.at(-1)).toBeLessThanOrEqual(120);
    expect(places[2]).toBe(50);
  });
});

describe("of many clients", () => {
  const clients = Array.from({ length: 100 }, (_, n) => ({ n, value: n % 7 ? n : null }));
  it("those who do worst, those who do best, and the chosen one are drawn", () => {
    const drawn = extremes(clients, (one) => one.value, 3, clients[50]);
    expect(drawn.map((one) => one.n)).toEqual([1, 2, 3, 96, 97, 99, 50]);
  });
  it("all are drawn where there are few", () => {
    expect(extremes(clients.slice(0, 8), (one) => one.value, 3)).toHaveLength(8);
  });
});
