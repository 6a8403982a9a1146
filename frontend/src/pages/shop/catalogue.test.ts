import { beforeEach, expect, it } from "vitest";
import { language } from "../../words/words.svelte";
import { cloth, said } from "./catalogue.svelte";
import { named } from "./classes";

beforeEach(() => language.choose("es"));

it("a text is said in the language spoken, or in the one it has", () => {
  expect([said({ es: "Taza", en: "Mug" }), said({ es: "", en: "Mug" }), said({})]).toEqual(["Taza", "Mug", ""]);
  language.choose("en");
  expect([said({ es: "Taza", en: "Mug" }), said({ es: "Taza", en: "" })]).toEqual(["Mug", "Taza"]);
});

it("a product lies on the same cloth wherever it is shown, and products on different ones", () => {
  const cloths = Array.from({ length: 50 }, (_, i) => cloth(`DEMO-JUG-${i}`));
  expect(cloth("DEMO-JUG-7")).toBe(cloths[7]);
  expect(new Set(cloths).size).toBe(5);
});

it("what a network sees has a name that people use", () => {
  expect([named("zucchini"), named("longsleeve"), named("some_new-class")]).toEqual(["Calabacín", "Jersey", "Some new class"]);
  language.choose("en");
  expect([named("zucchini"), named("outwear")]).toEqual(["Zucchini", "Coat"]);
});
