/**
 * A job, followed while it runs. What is told changes the lights at once; how things stand altogether is asked for when a
 * round has ended, and now and then between, the less often the longer the answer takes: ten thousand clients are
 * two megabytes.
 */

import { call } from "../../api/call";
import { live, type Live } from "../../api/live.svelte";
import type { Job, JobClient, Round } from "../../api/schema";

/** One event, as the node tells it. */
export interface Told {
  event: string;
  at: number;
  round: number;
  name?: string;
  phase?: "train" | "evaluate";
  seconds?: number;
  samples?: number;
  metrics?: Record<string, number | number[] | null>;
  reason?: string;
  rounds?: number;
  clients?: number | string[];
  evaluate?: Record<string, number | number[] | null>;
  central?: Record<string, number | number[] | null>;
  epsilon?: number | null;
  delta?: number | null;
  replies?: number;
  state?: Job["state"];
  error?: Job["error"];
  result?: Job["result"];
}

export interface Entry extends Told {
  id: number;
}

const FINAL = new Set<Job["state"]>(["completed", "failed", "stopped"]);
/** In the log; older ones are the node's to keep. */
const REMEMBERED = 200;
/** What is worth a line: that each was asked is not. */
const WORTH_A_LINE = new Set(["round_began", "replied", "failed", "straggled", "round_ended", "waiting", "ended", "changed"]);
const EVENTS = [...WORTH_A_LINE, "sent", "alive"];
/** Contract 4's seconds between questions where nothing is pushed: while clients train, between rounds, after the end. */
const EVERY = { training: 3_000, between: 8_000, done: 30_000 };
const SLOW_SECONDS = 30;
const ASK_AT_MOST_EVERY = 1_000;

export function isFinal(job: Pick<Job, "state">): boolean {
  return FINAL.has(job.state);
}

/** How long until the next question, in ms. */
export function interval(job: Job | undefined, clients: readonly JobClient[]): number {
  if (!job || isFinal(job)) return EVERY.done;
  return clients.some((one) => one.status === "training") ? EVERY.training : EVERY.between;
}

/** A client as it is after what was told of it; the same object where nothing changed. */
export function after(client: JobClient, told: Told): JobClient {
  const seen = new Date(told.at * 1000).toISOString();
  switch (told.event) {
    case "sent":
      return { ...client, status: "training", round: told.round };
    case "replied": {
      const figure = (name: string) => {
        const value = told.metrics?.[name];
        return typeof value === "number" ? value : null;
      };
      const seconds = told.seconds ?? 0;
      const measured = told.phase === "evaluate" || client.test_samples === null;
      return {
        ...client,
        round: told.round,
        status: seconds > SLOW_SECONDS ? "slow" : "connected",
        response_time: seconds,
        last_seen: seen,
        train_samples: told.phase === "train" ? (told.samples ?? null) : client.train_samples,
        test_samples: told.phase === "evaluate" ? (told.samples ?? null) : client.test_samples,
        accuracy: (measured ? figure("accuracy") : null) ?? client.accuracy,
        loss: (measured ? figure("loss") : null) ?? client.loss,
      };
    }
    case "failed":
      return { ...client, status: "error", round: told.round };
    case "straggled":
      return { ...client, status: "slow", round: told.round };
    default:
      return client;
  }
}

export class Follow {
  job = $state.raw<Job>();
  clients = $state.raw<readonly JobClient[]>([]);
  rounds = $state.raw<readonly Round[]>([]);
  log = $state.raw<readonly Entry[]>([]);
  error = $state.raw<Error>();
  way = $derived.by(() => this.#live?.way ?? "asked");

  #live = $state.raw<Live>();
  #number: number;
  #told: Entry[] = [];
  #frame = 0;
  #asking: ReturnType<typeof setTimeout> | undefined;
  #took = 0;
  #closed = false;

  constructor(number: number) {
    this.#number = number;
    void this.#begin();
  }

  /** Put in what an order to stop or to resume answered, and listen again. */
  put(job: Job): void {
    this.job = job;
    if (!isFinal(job)) void this.#begin();
  }

  close(): void {
    this.#closed = true;
    this.#live?.close();
    clearTimeout(this.#asking);
    cancelAnimationFrame(this.#frame);
  }

  async #begin(): Promise<void> {
    this.#live?.close();
    await this.ask().catch(() => undefined);
    if (this.#closed) return;
    // A job of a few clients has few events, and its log is worth having whole.
    const whole = (this.job?.last_event ?? 0) <= REMEMBERED;
    const from = whole || !this.job ? 0 : this.job.last_event! - REMEMBERED;
    this.log = [];
    this.#live = live(`/v1/jobs/${this.#number}/events?after=${from}`, {
      on: Object.fromEntries(EVENTS.map((event) => [event, (data, id) => this.#hear(data as Told, Number(id))])),
      ask: () => this.ask(),
      every: () => interval(this.job, this.clients),
    });
  }

  /** How everything stands now. */
  async ask(): Promise<void> {
    const path = { number: this.#number };
    const began = performance.now();
    try {
      const [job, { clients }, { rounds }] = await Promise.all([
        call("GET /v1/jobs/{number}", { path }),
        call("GET /v1/jobs/{number}/clients", { path }),
        call("GET /v1/jobs/{number}/rounds", { path }),
      ]);
      Object.assign(this, { job, clients, rounds, error: undefined });
    } catch (error) {
      this.error = error as Error;
      throw error;
    } finally {
      this.#took = performance.now() - began;
    }
  }

  #hear(told: Told, id: number): void {
    this.#told.push({ ...told, id });
    this.#frame ||= requestAnimationFrame(() => this.#apply());
  }

  /** All that came within one frame, at once. */
  #apply(): void {
    this.#frame = 0;
    const told = this.#told;
    this.#told = [];
    const known = this.job?.last_event ?? 0;
    const news = told.filter((one) => one.id > known);
    const worth = told.filter((one) => WORTH_A_LINE.has(one.event));
    if (worth.length) this.log = [...worth.reverse(), ...this.log].slice(0, REMEMBERED);
    if (!news.length) return;
    const changes = new Map<string, Told[]>();
    for (const one of news) if (one.name) changes.set(one.name, [...(changes.get(one.name) ?? []), one]);
    if (changes.size) {
      this.clients = this.clients.map((client) => (changes.get(client.name) ?? []).reduce(after, client));
    }
    for (const one of news) this.#applyToJob(one);
    if (news.some((one) => one.event === "changed" && FINAL.has(one.state!))) this.#live?.close();
    this.#askSoon();
  }

  #applyToJob(told: Told): void {
    if (!this.job) return;
    if (told.event === "round_began") this.job = { ...this.job, round: told.round, state: "running" };
    if (told.event === "changed") this.job = { ...this.job, state: told.state!, result: told.result ?? null, error: told.error ?? null };
  }

  #askSoon(): void {
    this.#asking ??= setTimeout(
      () => {
        this.#asking = undefined;
        if (!this.#closed) void this.ask().catch(() => undefined);
      },
      Math.max(ASK_AT_MOST_EVERY, 20 * this.#took),
    );
  }
}
