/** What a model's row says, in words. */

import type { Model, State } from "../../api/schema";
import { bytes, number, percent } from "../../words/formats";
import { say } from "./words";

/** How the rows were split is said in the heading, not measured. */
const SPLIT = new Set(["rows_train", "rows_holdout", "holdout", "seed", "stratified"]);
/** Shares of 1, read as percentages; a loss or an error is not one. */
const SHARE = /accuracy|recall|precision|auc|unsure|baseline|r2/;

export interface Measure {
  name: string;
  value: number;
  /** As people read it. */
  text: string;
}

export function reference(model: Pick<Model, "name" | "version">): string {
  return `${model.name}@${model.version}`;
}

export function plain(identifier: string): string {
  return identifier.replaceAll(/[_-]/g, " ");
}

/** What was measured on data that it had not seen. */
export function measures(model: Model): Measure[] {
  const metrics = model.metrics ?? {};
  if (metrics["rows_holdout"] === 0) return [];
  return Object.entries(metrics).flatMap(([name, value]) =>
    typeof value === "number" && !SPLIT.has(name) ? [{ name: plain(name), value, text: shown(name, value) }] : [],
  );
}

function shown(name: string, value: number): string {
  return SHARE.test(name) && value >= 0 && value <= 1 ? percent(value, 1) : number(value, 4);
}

export function takes(model: Model): string {
  if ("columns" in model.input) return say.columns(number(model.input.columns.length));
  if ("width" in model.input) return say.pixels(model.input.width, model.input.height);
  return say.tensor;
}

export function about(model: Model): string {
  return [plain(model.kind), takes(model), bytes(model.size)].join(" · ");
}

export function stateOf(state: State | undefined): string {
  return { ready: say.ready, deprecated: say.deprecated, deleted: say.deleted }[state ?? "ready"];
}

export interface Origin {
  /** Who or what the rows came from; names of clients, or of a file. */
  data: string[];
  /** The job, where several trained together. */
  job: number | null;
  rounds: number | null;
  rows: number | null;
  clients: number;
  /** What was learned round by round. */
  history: { round: number; accuracy: number | null; loss: number | null }[];
  privacy: { epsilon: number; delta: number } | null;
}

type Loose = Record<string, unknown>;
const amount = (value: unknown): number | null => (typeof value === "number" ? value : null);
const record = (value: unknown): Loose | null =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Loose) : null;
const records = (value: unknown): Loose[] =>
  Array.isArray(value) ? value.map(record).filter((one) => one !== null) : [];

/** Where it comes from, as far as the row tells: every model says what its maker had to say. */
export function originOf(model: Model): Origin {
  const from: Loose = model.trained_from ?? {};
  const clients = records(from["clients"]).flatMap((client) => (typeof client["name"] === "string" ? [client["name"]] : []));
  const spent = record(from["privacy"]);
  const epsilon = amount(spent?.["epsilon"]);
  return {
    data: clients.length ? clients : typeof from["data"] === "string" && from["data"] !== "" ? [from["data"]] : [],
    job: amount(record(from["job"])?.["number"]),
    rounds: amount(from["rounds"]),
    rows: amount(from["rows"]),
    clients: amount(from["clients_in_all"]) ?? clients.length,
    history: records(from["history"]).map((round) => ({
      round: amount(round["round"]) ?? 0,
      accuracy: amount(round["accuracy"]),
      loss: amount(round["loss"]),
    })),
    privacy: epsilon === null ? null : { epsilon, delta: amount(spent?.["delta"]) ?? 0 },
  };
}

/** A value for each column, for who wants to see the shape of a question. */
export function exampleRow(model: Model): Record<string, string | number> {
  if (!("columns" in model.input)) return {};
  return Object.fromEntries(model.input.columns.map(({ name, kind }) => [name, kind === "number" ? 1 : "a"]));
}

/** Programs that ask this model, ready to be pasted. `token`: the node asks for one. The SDK has no tensors. */
export function programs(model: Model, base: string, token: boolean): { curl: string; python: string | null } {
  const open = `curl ${base}/v1/models/${model.name}/predict`;
  const sign = token ? ` \\\n  -H "Authorization: Bearer $FERIA_TOKEN"` : "";
  const client = token ? `Client("${base}", token="feria_…")` : `Client("${base}")`;
  const python = (asked: string) => `from feria import Client\n\nwith ${client} as feria:\n${asked}\n    print(answer)\n`;
  if ("columns" in model.input) {
    const row = JSON.stringify(exampleRow(model));
    return {
      curl: `${open}${sign} \\\n  -d '{"rows": [${row}]}'`,
      python: python(`    answer = feria.predict("${model.name}", [${row}])`),
    };
  }
  if ("width" in model.input) {
    return {
      curl: `${open}${sign} \\\n  -F image=@photo.jpg`,
      python: python(`    answer = feria.classify("${model.name}", "photo.jpg")`),
    };
  }
  const inputs = JSON.stringify(
    Object.fromEntries(Object.entries(model.input.tensors).map(([name, [, shape]]) => [name, zeros(shape)])),
  );
  return { curl: `${open}${sign} \\\n  -d '{"inputs": ${inputs}}'`, python: null };
}

/** Nested lists of that shape; one where any size will do, and no more than fits on a page. */
export function zeros(shape: readonly (number | null)[]): unknown {
  const [first, ...rest] = shape;
  if (first === undefined) return 0;
  return Array.from({ length: Math.min(first ?? 1, 8) }, () => zeros(rest));
}
