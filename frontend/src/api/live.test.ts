import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { live } from "./live.svelte";

class Stream extends EventTarget {
  static all: Stream[] = [];
  static readonly CLOSED = 2;
  readyState = 0;
  onopen: (() => void) | null = null;
  onerror: (() => void) | null = null;
  constructor(readonly url: string) {
    super();
    Stream.all.push(this);
  }
  close(): void {
    this.readyState = 2;
  }
}
const last = () => Stream.all.at(-1)!;

beforeEach(() => {
  vi.useFakeTimers();
  Stream.all = [];
  vi.stubGlobal("EventSource", Stream);
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

it("events are told by name, with their id", () => {
  const told: unknown[] = [];
  const listening = live("/v1/x", { on: { round: (data, id) => told.push([data, id]) }, ask: async () => {}, every: () => 3_000 });
  last().onopen?.();
  last().dispatchEvent(new MessageEvent("round", { data: '{"n":1}', lastEventId: "7" }));
  expect([listening.way, told]).toEqual(["pushed", [[{ n: 1 }, "7"]]]);
  listening.close();
  expect(last().readyState).toBe(2);
});

it("while events do not get through it asks at intervals that may change, and stops when they do", async () => {
  let every = 3_000;
  const ask = vi.fn(async () => {});
  const listening = live("/v1/x", { on: {}, ask, every: () => every });
  last().onerror?.();
  await vi.advanceTimersByTimeAsync(3_000);
  expect([listening.way, ask.mock.calls.length]).toEqual(["asked", 1]);
  every = 8_000;
  await vi.advanceTimersByTimeAsync(3_000);
  expect(ask.mock.calls.length).toBe(2); // set before the interval changed
  await vi.advanceTimersByTimeAsync(7_999);
  expect(ask.mock.calls.length).toBe(2);
  last().onopen?.();
  await vi.advanceTimersByTimeAsync(20_000);
  expect([listening.way, ask.mock.calls.length]).toEqual(["pushed", 2]);
  listening.close();
});

it("after three failures in a row it gives events up for a minute, and goes on asking", async () => {
  const ask = vi.fn(async () => {});
  const listening = live("/v1/x", { on: {}, ask, every: () => 3_000 });
  for (let i = 0; i < 3; i++) last().onerror?.();
  expect([last().readyState, Stream.all.length]).toEqual([2, 1]);
  await vi.advanceTimersByTimeAsync(60_000);
  expect([Stream.all.length, ask.mock.calls.length >= 19]).toEqual([2, true]);
  listening.close();
});

it("when neither gets through it says so", async () => {
  const listening = live("/v1/x", { on: {}, ask: () => Promise.reject(new Error("away")), every: () => 3_000 });
  last().onerror?.();
  await vi.advanceTimersByTimeAsync(3_000);
  expect(listening.way).toBe("lost");
  listening.close();
});
