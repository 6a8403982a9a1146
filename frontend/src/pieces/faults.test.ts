import { beforeEach, expect, it } from "vitest";
import { Refused, Unreachable } from "../api/call";
import { language } from "../words/words.svelte";
import { CODES, told } from "./faults";

beforeEach(() => language.choose("es"));

it("every code that the node has a sentence for has one here", () => {
  for (const code of CODES) expect(told(new Refused(400, code, "x")).sentence).not.toBe(told(new Refused(400, "other", "x")).sentence);
});

it("what the node said itself and its code stand beside the sentence", () => {
  expect(told(new Refused(413, "too_large", "A picture has at most 8 MiB."))).toEqual({
    sentence: "El archivo pesa más de lo que este nodo admite. Hazlo más pequeño o elige otro.",
    detail: "A picture has at most 8 MiB.",
    code: "too_large",
  });
  expect(told(new Refused(429, "rate_limited", "x", {}, 7)).sentence).toContain("7 s");
});

it("a node that is away is told as that, a bug of the page as what it is", () => {
  expect(told(new Unreachable("x"))).toMatchObject({ sentence: "El nodo no responde. Lo intentamos solos en cuanto vuelva.", detail: "" });
  expect(told(new TypeError("x is not a function")).detail).toContain("x is not a function");
});
