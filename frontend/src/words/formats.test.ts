import { beforeEach, expect, it } from "vitest";
import { ago, bytes, date, money, number, percent, took, UNKNOWN } from "./formats";
import { language } from "./words.svelte";

const plain = (text: string) => text.replace(/[\u00a0\u202f]/g, " ");

beforeEach(() => language.choose("es"));

it("numbers are written as each language writes them", () => {
  expect([number(18240), number(4240), number(0.8714, 3)].map(plain)).toEqual(["18.240", "4.240", "0,871"]);
  expect(plain(percent(0.874, 1))).toBe("87,4 %");
  language.choose("en");
  expect([number(18240), percent(0.874, 1)]).toEqual(["18,240", "87.4%"]);
});

it("money has cents only where there are any", () => {
  expect([money(46, "EUR"), money(22.5, "EUR")].map(plain)).toEqual(["46 €", "22,50 €"]);
  language.choose("en");
  expect([money(46, "EUR"), money(22.5, "EUR")]).toEqual(["€46", "€22.50"]);
});

it("sizes and times have the unit that suits them", () => {
  expect([bytes(512), bytes(3700), bytes(84_000), bytes(14_200_000)]).toEqual(["512 B", "3,7 kB", "84 kB", "14,2 MB"]);
  expect([took(0.82), took(41.3), took(1840)]).toEqual(["0,8 ms", "41 ms", "1,8 s"]);
});

it("what is not known is a dash, never a zero", () => {
  expect([number(null), percent(undefined), bytes(null), took(null), number(Number.NaN)]).toEqual(Array(5).fill(UNKNOWN));
});

it("how long ago is told in the largest unit that fits", () => {
  const now = Date.UTC(2026, 10, 22, 12);
  const before = (seconds: number) => plain(ago(new Date(now - seconds * 1000), now));
  expect([before(5), before(180), before(7200), before(86_400)]).toEqual(["hace 5 s", "hace 3 min", "hace 2 h", "ayer"]);
  expect(plain(date("2026-11-12T12:00:00Z"))).toBe("12 nov 2026");
});
