/** What every page of the shop wants to know of the catalogue: its categories, and how to say its texts. */

import { call } from "../../api/call";
import { onReturn } from "../../api/node.svelte";
import type { Category, Product, Words } from "../../api/schema";
import { language } from "../../words/words.svelte";

/** A text in the language spoken, or in the other where there is none. */
export function said(text: Words): string {
  return (language.current === "en" ? text.en || text.es : text.es || text.en) ?? "";
}

const CLOTHS = ["clay", "sage", "sky", "straw", "rose"] as const;

/** The cloth behind a product, always the same for the same one. */
export function cloth(id: string): string {
  let hash = 0;
  for (const letter of id) hash = (hash * 31 + letter.charCodeAt(0)) | 0;
  return `cloth-${CLOTHS[Math.abs(hash) % CLOTHS.length]}`;
}

/** The small picture of a product, or null while it has none. */
export function thumbnail(product: Product): string | null {
  const first = product.pictures?.[0];
  return first ? `/v1/pictures/${first.thumbnail}` : null;
}

let known = $state.raw<readonly Category[]>([]);
let asked = false;

async function ask(): Promise<void> {
  try {
    known = (await call("GET /v1/categories")).categories;
  } catch {
    asked = false; // whoever shows a category next asks again; the page says itself that the node is away
  }
}
onReturn(() => {
  if (known.length === 0) void ask();
});

/** All categories, in the order of their paths. Empty until they are there. */
export function categories(): readonly Category[] {
  if (!asked) {
    asked = true;
    void ask();
  }
  return known;
}

/** What a category is called; the last word of its path until that is known. */
export function titleOf(path: string): string {
  const found = categories().find((category) => category.path === path);
  return found ? said(found.title) : (path.split("/").at(-1) ?? path).replaceAll("-", " ");
}
