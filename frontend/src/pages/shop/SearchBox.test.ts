import { fireEvent, render, screen, waitFor } from "@testing-library/svelte";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { go, here } from "../../router.svelte";
import SearchBox from "./SearchBox.svelte";

const FOUND = {
  texts: ["jarra de gres"],
  categories: [{ path: "home/jugs-and-teapots", title: { es: "Jarras y teteras", en: "Jugs and teapots" } }],
  products: [{ sku: "DEMO-JUG-03", title: { es: "Jarra Marea", en: "Marea jug" } }],
};

beforeEach(() => {
  go("/", { replace: true });
  vi.stubGlobal("fetch", vi.fn(async (url: string) => {
    const said = url.startsWith("/v1/search/complete") ? FOUND : { categories: [] };
    return new Response(JSON.stringify(said), { headers: { "Content-Type": "application/json" } });
  }));
});
afterEach(() => vi.unstubAllGlobals());

async function typed(text: string): Promise<HTMLElement> {
  render(SearchBox);
  const box = screen.getByRole("combobox");
  await fireEvent.input(box, { target: { value: text } });
  await waitFor(() => expect(screen.getAllByRole("option")).toHaveLength(3));
  return box;
}

it("what is typed is completed, and the part not typed yet is bold", async () => {
  await typed("jar");
  const first = screen.getAllByRole("option")[0];
  expect(first?.textContent).toContain("jarra de gres");
  expect(first?.querySelector("b")?.textContent).toBe("ra de gres");
});

it("arrows go through the offers, Enter takes the one at hand", async () => {
  const box = await typed("jar");
  await fireEvent.keyDown(box, { key: "ArrowDown" });
  await fireEvent.keyDown(box, { key: "ArrowDown" });
  await fireEvent.keyDown(box, { key: "ArrowDown" });
  expect(screen.getAllByRole("option").map((one) => one.getAttribute("aria-selected"))).toEqual(["false", "false", "true"]);
  expect(box.getAttribute("aria-activedescendant")).toBe(screen.getAllByRole("option")[2]?.id);
  await fireEvent.submit(box.closest("form")!);
  expect(here.address).toBe("/shop/DEMO-JUG-03");
});

it("Enter without a choice searches for what stands there, and Escape closes the offers", async () => {
  const box = await typed("jar");
  await fireEvent.keyDown(box, { key: "Escape" });
  expect(box.getAttribute("aria-expanded")).toBe("false");
  await fireEvent.submit(box.closest("form")!);
  expect(here.address).toBe("/shop?q=jar");
});

it("a slash anywhere goes to the box", async () => {
  render(SearchBox);
  await fireEvent.keyDown(document.body, { key: "/" });
  expect(document.activeElement).toBe(screen.getByRole("combobox"));
});
