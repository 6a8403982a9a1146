import { parse, type AST } from "svelte/compiler";
import { beforeEach, describe, expect, it } from "vitest";
import { language, words, type Catalogue } from "./words.svelte";

const catalogues = import.meta.glob<{ catalogue: { es: Catalogue; en: Catalogue } }>("../**/words.ts", { eager: true });
const templates = import.meta.glob<string>("../**/*.svelte", { query: "?raw", import: "default", eager: true });

/** The same in both languages: names, symbols and abbreviations. */
const NOT_WORDS = /^[^\p{L}]*$|^(ES|EN|feria|ONNX|curl|Python|sha256|AUC|p50|p99|kB|MB|ms|CSV|JSON|TLS|ε|δ)$/u;
/** Attributes that are read to somebody. */
const READ = new Set(["aria-label", "aria-description", "placeholder", "title", "alt", "aria-roledescription"]);

beforeEach(() => language.choose("es"));

describe("catalogues", () => {
  it.each(Object.entries(catalogues))("%s says everything in both languages", (_, { catalogue: { es, en } }) => {
    expect(Object.keys(en).sort()).toEqual(Object.keys(es).sort());
    for (const [key, sentence] of [...Object.entries(es), ...Object.entries(en)]) {
      if (typeof sentence === "string") expect(sentence.trim(), key).not.toBe("");
    }
  });

  it("follow the language that is chosen", () => {
    const say = words({ bread: "pan", loaves: (n: number) => `${n} panes` }, { bread: "bread", loaves: (n) => `${n} loaves` });
    expect([say.bread, say.loaves(2)]).toEqual(["pan", "2 panes"]);
    language.choose("en");
    expect([say.bread, say.loaves(2)]).toEqual(["bread", "2 loaves"]);
    expect(document.documentElement.lang).toBe("en");
  });
});

/** Words that stand in a template itself, so in one language only. */
function literals(source: string): string[] {
  const found: string[] = [];
  const visit = (node: unknown): void => {
    if (Array.isArray(node)) return node.forEach(visit);
    if (typeof node !== "object" || node === null || !("type" in node)) return;
    const one = node as AST.BaseNode & Record<string, unknown>;
    if (one.type === "Text" && !NOT_WORDS.test(String(one["data"]).trim())) found.push(String(one["data"]).trim());
    if (one.type === "Attribute") return READ.has(String(one["name"])) ? visit(one["value"]) : undefined;
    if (one.type === "StyleDirective") return;
    if (one.type === "RegularElement" && ["code", "kbd"].includes(String(one["name"]))) return;
    for (const inside of Object.values(one)) visit(inside);
  };
  visit(parse(source, { modern: true }).fragment);
  return found;
}

describe("templates", () => {
  it.each(Object.entries(templates))("%s has no words of its own", (_, source) => {
    expect(literals(source)).toEqual([]);
  });

  it("would be caught with some", () => {
    expect(literals('<p title="Hola">{say.x} Hello <b>12 %</b></p>')).toEqual(["Hola", "Hello"]);
  });
});
