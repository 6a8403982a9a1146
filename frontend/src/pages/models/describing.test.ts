import { beforeEach, expect, it } from "vitest";
import type { Model } from "../../api/schema";
import { language } from "../../words/words.svelte";
import { measures, originOf, programs, zeros } from "./describing";

const RANKER: Model = {
  name: "ranker",
  version: 2,
  digest: "a".repeat(64),
  size: 2253,
  kind: "logistic_regression",
  input: { type: "tabular", columns: [{ name: "age", kind: "number" }, { name: "town", kind: "text" }] },
  output: { task: "classification" },
  metrics: { accuracy: 0.897, loss: 0.2907, rows_holdout: 120, seed: 0 },
  trained_from: {
    data: "federated",
    clients: [{ name: "Tienda Lima", rows: 10 }, { name: "Tienda Cusco", rows: 20 }],
    clients_in_all: 2,
    rows: 30,
    rounds: 2,
    history: [{ round: 1, accuracy: 0.8, loss: 0.4 }, { round: 2, accuracy: 0.9, loss: null }],
    job: { number: 7 },
    privacy: { epsilon: 3.9, delta: 1e-5 },
  },
  published_at: "2026-11-22T03:45:41Z",
};

beforeEach(() => language.choose("en"));

it("measures are what was measured, shares as percentages", () => {
  expect(measures(RANKER).map(({ name, text }) => [name, text])).toEqual([["accuracy", "89.7%"], ["loss", "0.2907"]]);
  expect(measures({ ...RANKER, metrics: { accuracy: 1, rows_holdout: 0 } })).toEqual([]);
});

it("a model says which job and which clients made it", () => {
  expect(originOf(RANKER)).toEqual({
    data: ["Tienda Lima", "Tienda Cusco"], job: 7, rounds: 2, rows: 30, clients: 2,
    history: [{ round: 1, accuracy: 0.8, loss: 0.4 }, { round: 2, accuracy: 0.9, loss: null }],
    privacy: { epsilon: 3.9, delta: 1e-5 },
  });
});

it("a model that says nothing, or nonsense, has an origin that is not known", () => {
  const unknown = { data: [], job: null, rounds: null, rows: null, clients: 0, history: [], privacy: null };
  expect(originOf({ ...RANKER, trained_from: {} })).toEqual(unknown);
  expect(originOf({ ...RANKER, trained_from: { clients: 3, history: "x", job: 7, privacy: [] } })).toEqual(unknown);
});

it("programs ask what the model takes, with a token where one is wanted", () => {
  expect(programs(RANKER, "http://n", false).curl).toBe(
    `curl http://n/v1/models/ranker/predict \\\n  -d '{"rows": [{"age":1,"town":"a"}]}'`,
  );
  expect(programs(RANKER, "http://n", true).curl).toContain("Authorization: Bearer $FERIA_TOKEN");
  const picture: Model = { ...RANKER, input: { type: "image", input: "x", width: 8, height: 8 } };
  expect(programs(picture, "http://n", false).python).toContain('feria.classify("ranker", "photo.jpg")');
});

it("an example of a tensor has its shape, one where any size will do", () => {
  expect(zeros([null, 2, 3])).toEqual([[[0, 0, 0], [0, 0, 0]]]);
});
