import { expect, it } from "vitest";
import { FaceFinder, grouped, type Cascade } from "./faces";

/** Takes for a face what is bright above and dark below, by more than a little. */
const TOY: Cascade = {
  window: 20,
  stages: [{ threshold: 0.5, trees: [[[0, -1, 0, 0.3], [0, 1]]] }],
  features: [[0, 0, 20, 20, -1, 0, 0, 20, 10, 2]],
};

function field(bright: (x: number, y: number) => boolean) {
  const data = new Uint8Array(120 * 120);
  for (let at = 0; at < data.length; at++) data[at] = bright(at % 120, Math.floor(at / 120)) ? 220 : 30;
  return { width: 120, height: 120, channels: 1 as const, data };
}

it("what the cascade was made for is found where it is, at its size", () => {
  const inside = (x: number, y: number) => x >= 40 && x < 80 && y >= 40 && y < 60;
  const found = new FaceFinder(TOY).within(field(inside));
  expect(found.length).toBeGreaterThan(0);
  const middle = found.some(({ x, y, width }) => Math.abs(x + width / 2 - 60) < 14 && Math.abs(y + width / 2 - 60) < 14);
  expect(middle).toBe(true);
});

it("in an even field there is nothing, and in a tiny one nothing is looked for", () => {
  const finder = new FaceFinder(TOY);
  expect(finder.within(field(() => true))).toEqual([]);
  expect(finder.within({ width: 10, height: 10, channels: 1, data: new Uint8Array(100) })).toEqual([]);
});

it("a face has to be found four times, a little apart, to count", () => {
  const at = (x: number) => ({ x, y: 10, width: 40, height: 40 });
  expect(grouped([at(10), at(11), at(12)])).toEqual([]);
  expect(grouped([at(10), at(11), at(12), at(13), at(100)])).toMatchObject([{ x: 12, y: 10, width: 40, height: 40 }]);
});

it("an eye found in a face is not another face", () => {
  const many = (x: number, size: number, times: number) =>
    Array.from({ length: times }, () => ({ x, y: x, width: size, height: size }));
  expect(grouped([...many(10, 60, 9), ...many(30, 24, 4)]).map((one) => one.width)).toEqual([60]);
});
