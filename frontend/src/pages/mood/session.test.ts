import { expect, it } from "vitest";
import { MINUTE, quantile, Session, spans, type Look } from "./session.svelte";

const look = (at: number, name: string, share = 0.5): Look => ({ at, name, share, took: 10, finding: 4 });
const reading = (name: string) => ({ ranked: [{ name, share: 0.9 }, { name: "sad", share: 0.1 }], unsure: false, by: "emotions@1" });

it("a quantile is a time that was measured, by nearest rank", () => {
  const hundred = Array.from({ length: 100 }, (_, i) => 100 - i);
  expect([quantile(hundred, 0.5), quantile(hundred, 0.99), quantile([7], 0.99), quantile([], 0.5)]).toEqual([50, 99, 7, null]);
});

it("looks that say the same one after the other are one span, with their mean", () => {
  expect(spans([look(0, "happy", 0.4), look(100, "happy", 0.8), look(200, "sad")])).toEqual([
    { name: "happy", from: 0, to: 200, share: expect.closeTo(0.6) },
    { name: "sad", from: 200, to: 200, share: 0.5 },
  ]);
});

it("while nobody was seen nothing is claimed", () => {
  expect(spans([look(0, "happy"), look(5_000, "happy")]).map(({ from, to }) => [from, to])).toEqual([[0, 0], [5_000, 5_000]]);
});

it("a session holds a minute, counts all, and forgets when told", () => {
  const session = new Session();
  session.add(reading("happy"), 0, 12, 3);
  session.add(reading("fear"), MINUTE + 500, 12, 3);
  session.add(reading("fear"), MINUTE + 900, 12, 3);
  expect([session.looks.length, session.total, session.rate(MINUTE + 1_000)]).toEqual([2, 3, 2]);
  session.clear();
  expect([session.looks.length, session.total, session.reading]).toEqual([0, 0, null]);
});
