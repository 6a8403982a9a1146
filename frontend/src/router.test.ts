import { afterEach, beforeEach, expect, it } from "vitest";
import { follow, go, here, isOurs, match, within } from "./router.svelte";

let stop: () => void;
beforeEach(() => {
  stop = follow();
  go("/", { replace: true });
});
afterEach(() => {
  stop();
  document.body.replaceChildren();
});

function click(href: string, options: MouseEventInit = {}): boolean {
  const link = Object.assign(document.createElement("a"), { href });
  document.body.append(link);
  return !link.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true, ...options }));
}

it("an address gives its names their values, whatever is written in them", () => {
  expect(match("/shop/:sku", "/shop/TAZA-1")).toEqual({ sku: "TAZA-1" });
  expect(match("/shop/:sku", "/shop/a%2Fb%20c/")).toEqual({ sku: "a/b c" });
  expect(match("/shop/:sku", "/shop")).toBeNull();
  expect(match("/shop/:sku", "/shop/a/b")).toBeNull();
  expect(match("/shop/:sku", "/shop/%E0%A4")).toBeNull();
  expect(match("/", "/")).toEqual({});
});

it("a link within the app is followed without loading anything", () => {
  expect(click("/shop?q=pan")).toBe(true);
  expect([here.path, here.query.get("q"), here.address]).toEqual(["/shop", "pan", "/shop?q=pan"]);
});

it("a link elsewhere, to a file of the node, or into a new tab is the browser's", () => {
  const stay = (event: Event) => event.preventDefault(); // jsdom goes nowhere
  document.addEventListener("click", stay);
  expect(isOurs("/v1/blobs/abc")).toBe(false);
  expect(isOurs("/models/v1")).toBe(true);
  click("/v1/blobs/abc");
  click("/shop", { ctrlKey: true });
  document.removeEventListener("click", stay);
  expect(here.path).toBe("/");
});

it("going back shows what was there before", async () => {
  go("/shop?q=a");
  go("/shop?q=ab", { replace: true });
  go("/mood");
  const moved = new Promise((done) => addEventListener("popstate", done, { once: true }));
  history.back();
  await moved;
  expect(here.address).toBe("/shop?q=ab");
});

it("a query is changed word by word", () => {
  go("/shop?q=pan&brand=A&brand=B");
  expect(within({ brand: ["B"], q: null })).toBe("/shop?brand=B");
  expect(within({ brand: null, q: null })).toBe("/shop");
});
