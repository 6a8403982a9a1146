import { afterEach, expect, it, vi } from "vitest";
import { address, call, Refused, Unreachable } from "./call";

afterEach(() => vi.unstubAllGlobals());

function answer(status: number, body: BodyInit | null, headers: Record<string, string> = {}): ReturnType<typeof vi.fn> {
  const fetch = vi.fn(async () => new Response(body, { status, headers }));
  vi.stubGlobal("fetch", fetch);
  return fetch;
}
const JSON_TYPE = { "Content-Type": "application/json" };

it("an address has its path and query filled in, and nothing that was not asked", () => {
  expect(address("GET /v1/models/{name}", { path: { name: "a/b c" } })).toBe("/v1/models/a%2Fb%20c");
  expect(address("GET /v1/search", { query: { q: "té & pan", brand: ["A", "B"], sort: undefined } })).toBe(
    "/v1/search?q=t%C3%A9+%26+pan&brand=A&brand=B",
  );
  expect(address("GET /v1/kv/{key}", { path: { key: "prices/mug" } })).toBe("/v1/kv/prices/mug");
});

it("JSON comes back as what it says, a file as a blob, nothing as nothing", async () => {
  answer(200, '{"locked":false}', JSON_TYPE);
  expect(await call("GET /v1/session")).toEqual({ locked: false });
  answer(204, null);
  expect(await call("DELETE /v1/session")).toBeUndefined();
  answer(200, "a,b", { "Content-Type": "text/csv" });
  expect(await ((await call("GET /v1/session")) as unknown as Blob).text()).toBe("a,b");
});

it("a refusal keeps its code, its sentence and what else it says", async () => {
  answer(429, '{"error":"rate_limited","detail":"Too many.","limit":3}', { ...JSON_TYPE, "Retry-After": "7" });
  const refused = await call("GET /v1/session").catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(Refused);
  expect(refused).toMatchObject({ status: 429, code: "rate_limited", detail: "Too many.", more: { limit: 3 }, retryAfter: 7 });
});

it("what a proxy says in HTML is a refusal too", async () => {
  answer(502, "<h1>Bad gateway</h1>", { "Content-Type": "text/html" });
  await expect(call("GET /v1/session")).rejects.toMatchObject({ status: 502, code: "http_502" });
});

it("a node that does not answer is unreachable, a question taken back is not", async () => {
  vi.stubGlobal("fetch", vi.fn(async (_: string, { signal }: RequestInit) => {
    signal?.throwIfAborted();
    throw new TypeError("Failed to fetch");
  }));
  await expect(call("GET /v1/session")).rejects.toBeInstanceOf(Unreachable);
  await expect(call("GET /v1/session", { signal: AbortSignal.abort() })).rejects.toMatchObject({ name: "AbortError" });
});

it("what is sent as JSON says so, a file says itself what it is", async () => {
  const fetch = answer(200, "{}", JSON_TYPE);
  await call("POST /v1/session", { body: { token: "x" } });
  expect(fetch.mock.calls[0]?.[1]).toMatchObject({ method: "POST", body: '{"token":"x"}', headers: JSON_TYPE });
  await call("POST /v1/search/image", { body: new Blob(["x"], { type: "image/png" }) });
  expect(fetch.mock.calls[1]?.[1]?.headers).toEqual({});
});
