import { flushSync } from "svelte";
import { expect, it, vi } from "vitest";
import { Unreachable, watchers } from "./call";
import { resource, type Resource } from "./resource.svelte";

/** Runs in a component's place; returns how to take it away. */
function placed<T>(ask: (signal: AbortSignal) => Promise<T>): { made: Resource<T>; gone: () => void } {
  let made!: Resource<T>;
  const gone = $effect.root(() => {
    made = resource(ask);
  });
  flushSync();
  return { made, gone };
}

const settled = () => new Promise((done) => setTimeout(done));

it("an answer stays while a newer one is asked for, and when that fails", async () => {
  let fail = false;
  const { made, gone } = placed(async () => {
    if (fail) throw new Error("no");
    return "first";
  });
  await settled();
  expect([made.data, made.loading, made.error]).toEqual(["first", false, undefined]);
  fail = true;
  await made.reload();
  expect([made.data, made.error?.message]).toEqual(["first", "no"]);
  gone();
});

it("it asks anew when what it read changes, and an older answer that comes late is dropped", async () => {
  let word = $state("slow");
  const answers: Record<string, (said: string) => void> = {};
  const signals: AbortSignal[] = [];
  const { made, gone } = placed((signal) => {
    signals.push(signal);
    const asked = word;
    return new Promise<string>((done) => (answers[asked] = done));
  });
  word = "quick";
  flushSync();
  answers["quick"]?.("quick");
  answers["slow"]?.("slow");
  await settled();
  expect([made.data, signals.length, signals[0]?.aborted]).toEqual(["quick", 2, true]);
  gone();
  expect(signals[1]?.aborted).toBe(true);
});

it("what failed is asked again once the node is back, and what did not is left alone", async () => {
  const there = vi.fn(async () => "here");
  const away = vi.fn<() => Promise<string>>().mockRejectedValueOnce(new Unreachable("gone")).mockResolvedValue("back");
  const [one, other] = [placed(there), placed(away)];
  await settled();
  expect(other.made.error).toBeInstanceOf(Unreachable);
  watchers.lost();
  vi.stubGlobal("fetch", async () => new Response('{"locked":false}', { headers: { "Content-Type": "application/json" } }));
  watchers.reached();
  await settled();
  expect([other.made.data, there.mock.calls.length, away.mock.calls.length]).toEqual(["back", 1, 2]);
  one.gone();
  other.gone();
  vi.unstubAllGlobals();
});
