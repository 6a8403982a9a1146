/**
 * The search with a picture: on the server, which is sent the picture, or in this browser, which keeps it and sends
 * what the same network saw. It lives as long as the tab, so going to a product and back keeps the picture.
 */

import { call, Refused } from "../../api/call";
import type { Guess, PictureAnswer, PictureNetwork } from "../../api/schema";
import { network, ranked } from "../../sight/network";
import { decoded } from "../../sight/pixels";

export type Place = "server" | "browser";
/** Not a picture that this browser can decode. */
export class NotAPicture extends Error {}

/** What the results are narrowed to, beside looking like the picture. */
export interface Narrowed {
  category?: string;
  brand?: string[];
  min_price?: number;
  max_price?: number;
  in_stock?: boolean;
}

interface Timing {
  /** Milliseconds from the picture to the products. */
  took: number;
  /** Bytes that were sent. */
  sent: number;
}

const KEPT = "photo-place";
/** Classes shown. */
const GUESSES = 3;
const GOODS = 24;

let place = $state<Place>(localStorage.getItem(KEPT) === "browser" ? "browser" : "server");
let picture = $state.raw<Blob | null>(null);
let url = $state<string | null>(null);
let answer = $state.raw<PictureAnswer | null>(null);
let error = $state.raw<unknown>(null);
let looking = $state(false);
let fetching = $state<number | null>(null);
let timings = $state<Partial<Record<Place, Timing>>>({});
let about = $state.raw<PictureNetwork | null>(null);
let narrowed: Narrowed = {};
let asked: AbortController | undefined;

export const photo = {
  get place(): Place {
    return place;
  },
  get picture(): Blob | null {
    return picture;
  },
  /** Where an `img` finds it. */
  get url(): string | null {
    return url;
  },
  get answer(): PictureAnswer | null {
    return answer;
  },
  /** The likeliest classes, with probabilities wherever it was looked at. */
  get guesses(): readonly Guess[] {
    return (answer?.predictions ?? []).slice(0, GUESSES);
  },
  get error(): unknown {
    return error;
  },
  get looking(): boolean {
    return looking;
  },
  /** Share of the network's file that has come, null when none is coming. */
  get fetching(): number | null {
    return fetching;
  },
  get timings(): Partial<Record<Place, Timing>> {
    return timings;
  },
  /** The network that looks; null until it was asked for. */
  get network(): PictureNetwork | null {
    return about;
  },
  choose(next: Place): void {
    place = next;
    localStorage.setItem(KEPT, next);
    if (picture) void look();
  },
  show(next: Blob): void {
    if (url) URL.revokeObjectURL(url);
    picture = next;
    url = URL.createObjectURL(next);
    timings = {};
    answer = null;
    void look();
  },
  /** Show these of what looks like it; looks again when they are others than before. */
  narrow(next: Narrowed): void {
    if (JSON.stringify(next) === JSON.stringify(narrowed)) return;
    narrowed = next;
    if (picture) void look();
  },
  again(): void {
    if (picture) void look();
  },
  clear(): void {
    asked?.abort();
    if (url) URL.revokeObjectURL(url);
    [picture, url, answer, error, looking, fetching, timings] = [null, null, null, null, false, null, {}];
  },
};

async function look(): Promise<void> {
  const shown = picture;
  if (!shown) return;
  asked?.abort();
  const mine = (asked = new AbortController());
  error = null;
  looking = true;
  const where = place;
  try {
    const { found, timing } = await (where === "server" ? onServer(shown, mine.signal) : inBrowser(shown, mine.signal));
    if (mine !== asked) return;
    answer = found;
    timings = { ...timings, [where]: timing };
  } catch (fault) {
    if (mine !== asked || mine.signal.aborted) return;
    error = fault;
  }
  looking = false;
  fetching = null;
}

interface Look {
  found: PictureAnswer;
  timing: Timing;
}

async function onServer(shown: Blob, signal: AbortSignal): Promise<Look> {
  const began = performance.now();
  const found = (await call("POST /v1/search/image", { body: shown, query: { ...narrowed, limit: GOODS }, signal })) as PictureAnswer;
  return { found, timing: { took: performance.now() - began, sent: shown.size } };
}

async function inBrowser(shown: Blob, signal: AbortSignal): Promise<Look> {
  about ??= await call("GET /v1/search/model", { signal });
  try {
    return await withNetwork(about, shown, signal);
  } catch (fault) {
    if (!(fault instanceof Refused && (fault.code === "conflict" || fault.code === "not_found"))) throw fault;
    about = await call("GET /v1/search/model", { signal }); // another network took over meanwhile
    return withNetwork(about, shown, signal);
  }
}

async function withNetwork(net: PictureNetwork, shown: Blob, signal: AbortSignal): Promise<Look> {
  const running = await network(net.url, net.size, net.input, (share) => (fetching = share));
  fetching = null;
  signal.throwIfAborted();
  const began = performance.now();
  const pixels = await decoded(shown).catch(() => {
    throw new NotAPicture();
  });
  const wanted = [net.probabilities, net.embedding].filter((name) => name !== null);
  const { outputs } = await running.look(pixels, wanted);
  const seen = net.probabilities && net.labels ? ranked(net.labels, outputs[net.probabilities]!) : [];
  const best = seen[0];
  const query = {
    ...narrowed,
    model: net.digest,
    limit: GOODS,
    ...(net.embedding ? { vector: Array.from(outputs[net.embedding]!) } : {}),
    ...(best ? { label: best.label } : {}),
  };
  const found = await call("POST /v1/search/vector", { body: query, signal });
  return {
    found: {
      ...found,
      predictions: seen.slice(0, GUESSES).map(({ label, probability }) => ({
        label,
        probability,
        category: net.categories[String(label)] ?? null,
      })),
      unsure: best && net.unsure_below !== null ? best.probability < net.unsure_below : null,
    },
    timing: { took: performance.now() - began, sent: JSON.stringify(query).length },
  };
}
