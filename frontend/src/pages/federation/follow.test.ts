import { render, screen } from "@testing-library/svelte";
import { tick } from "svelte";
import { describe, expect, it } from "vitest";
import type { JobClient } from "../../api/schema";
import ClientRows from "./ClientRows.svelte";
import { after, interval, type Told } from "./follow.svelte";

function client(n: number, more: Partial<JobClient> = {}): JobClient {
  return {
    ...{ id: `client_${n.toString(16).padStart(8, "0")}`, name: `Tienda ${n}`, host: "", port: 0, dataset: "", status: "pending" },
    ...{ round: 0, accuracy: null, loss: null, train_samples: null, test_samples: null, response_time: null, last_seen: null },
    ...more,
  } as JobClient;
}
const told = (more: Partial<Told>): Told => ({ event: "sent", at: 1_790_000_000, round: 3, name: "Tienda 1", ...more });

describe("what is told of a client", () => {
  it("lights it while it trains, and tells how it did", () => {
    const training = after(client(1), told({}));
    expect([training.status, training.round]).toEqual(["training", 3]);
    const done = after(training, told({ event: "replied", phase: "train", seconds: 2, samples: 96, metrics: { accuracy: 0.9 } }));
    expect([done.status, done.response_time, done.train_samples, done.accuracy]).toEqual(["connected", 2, 96, 0.9]);
  });

  it("takes what was measured on rows held out for more than what it says of those it knows", () => {
    const measured = after(client(1), told({ event: "replied", phase: "evaluate", seconds: 1, samples: 24, metrics: { accuracy: 0.7 } }));
    const again = after(measured, told({ event: "replied", phase: "train", seconds: 1, samples: 96, metrics: { accuracy: 0.99 } }));
    expect([again.accuracy, again.test_samples]).toEqual([0.7, 24]);
  });

  it.each([
    ["replied", { seconds: 31 }, "slow"],
    ["straggled", { seconds: 600 }, "slow"],
    ["failed", { reason: "no rows" }, "error"],
  ])("%s %j is %s", (event, more, status) => {
    expect(after(client(1), told({ event, ...more } as Partial<Told>)).status).toBe(status);
  });
});

describe("where nothing is pushed", () => {
  const job = (state: string) => ({ state }) as never;
  it.each([
    ["running", "training", 3_000],
    ["running", "connected", 8_000],
    ["completed", "completed", 30_000],
  ])("a job that is %s, its clients %s, is asked for every %d ms", (state, status, every) => {
    expect(interval(job(state), [client(1, { status: status as JobClient["status"] })])).toBe(every);
  });
});

describe("ten thousand clients", () => {
  it("are a list of which only what is seen is made", async () => {
    const clients = Array.from({ length: 10_000 }, (_, n) => client(n));
    const { container } = render(ClientRows, { clients, chosen: "", choose: () => {} });
    expect(container.querySelectorAll(".one").length).toBeLessThan(40);
    expect(container.querySelector<HTMLElement>(".all")?.style.height).toBe("560000px");
    const find = screen.getByRole("searchbox");
    (find as HTMLInputElement).value = "tienda 9999";
    find.dispatchEvent(new Event("input", { bubbles: true }));
    await tick();
    expect([...container.querySelectorAll(".who b")].map((one) => one.textContent)).toEqual(["Tienda 9999"]);
  });
});
