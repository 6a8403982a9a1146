/**
 * Networks that run in this browser: ONNX Runtime as WebAssembly, and the node's own file. Both are fetched when
 * they are first wanted and kept by the browser; nothing leaves it.
 */

import type { InferenceSession } from "onnxruntime-web/wasm";
import type { ImageInput } from "../api/schema";
import { Refused, Unreachable } from "../api/call";
import { tensor, type Pixels } from "./pixels";

export interface Answer {
  /** Each output that was asked for, flat. */
  outputs: Record<string, Float32Array>;
  /** Milliseconds that preparing the picture and running the network took. */
  took: number;
}

export interface Network {
  look(pixels: Pixels, outputs: readonly string[]): Promise<Answer>;
}

/** How far a fetch is, 0 to 1. */
export type Progress = (share: number) => void;

let runtime: Promise<typeof import("onnxruntime-web/wasm")> | undefined;
const networks = new Map<string, Promise<Network>>();

async function loadRuntime(): Promise<typeof import("onnxruntime-web/wasm")> {
  const [ort, { default: wasm }] = await Promise.all([
    import("onnxruntime-web/wasm"),
    import("onnxruntime-web/ort-wasm-simd-threaded.wasm?url"),
  ]);
  ort.env.wasm.wasmPaths = { wasm };
  ort.env.wasm.numThreads = 1; // networks this small are slower on several
  return ort;
}

async function fetched(url: string, size: number, progress: Progress): Promise<Uint8Array> {
  let reply: Response;
  try {
    reply = await fetch(url);
  } catch {
    throw new Unreachable("The node does not answer.");
  }
  if (!reply.ok || !reply.body) throw new Refused(reply.status, reply.status === 404 ? "not_found" : "unavailable", reply.statusText);
  const parts: Uint8Array[] = [];
  let held = 0;
  for (const reader = reply.body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
    held += value.length;
    progress(Math.min(1, held / size));
  }
  const whole = new Uint8Array(held);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

async function open(url: string, size: number, input: ImageInput, progress: Progress): Promise<Network> {
  runtime ??= loadRuntime();
  runtime.catch(() => (runtime = undefined));
  const [ort, file] = await Promise.all([runtime, fetched(url, size, progress)]);
  const session: InferenceSession = await ort.InferenceSession.create(file, { executionProviders: ["wasm"] });
  let last: Promise<unknown> = Promise.resolve();

  async function run(pixels: Pixels, outputs: readonly string[]): Promise<Answer> {
    const began = performance.now();
    const { data, dims } = tensor(pixels, input);
    const said = await session.run({ [input.input]: new ort.Tensor("float32", data, dims) }, [...outputs]);
    const took = performance.now() - began;
    return { outputs: Object.fromEntries(outputs.map((name) => [name, said[name]?.data as Float32Array])), took };
  }

  return {
    // A session runs one picture at a time.
    look: (pixels, outputs) => {
      const mine = last.then(() => run(pixels, outputs));
      last = mine.catch(() => undefined);
      return mine;
    },
  };
}

/** The network of that file, fetched once. `size` is the file's, for the progress. */
export function network(url: string, size: number, input: ImageInput, progress: Progress = () => {}): Promise<Network> {
  const known = networks.get(url);
  if (known) return known;
  const opening = open(url, size, input, progress);
  networks.set(url, opening);
  opening.catch(() => networks.delete(url)); // the next who wants it tries again
  return opening;
}

/** The best first. */
export function ranked<T>(labels: readonly T[], probabilities: ArrayLike<number>): { label: T; probability: number }[] {
  return labels
    .map((label, i) => ({ label, probability: probabilities[i] ?? 0 }))
    .sort((a, b) => b.probability - a.probability);
}
