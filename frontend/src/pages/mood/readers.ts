/**
 * Who reads an expression in a face that was cut out: the node, over a WebSocket, or the same network in this
 * browser. Both say the same of it.
 */

import { call } from "../../api/call";
import type { Model } from "../../api/schema";
import { network, ranked, type Network, type Progress } from "../../sight/network";
import { drawn } from "../../sight/pixels";

export interface Reading {
  /** The likeliest first. */
  ranked: { name: string; share: number }[];
  /** Whether it may well be none of them. */
  unsure: boolean;
  /** `name@version` or the version's tag. */
  by: string;
}

export interface Reader {
  /** What a square canvas with a face shows. Rejects when it cannot be told. */
  read(face: OffscreenCanvas): Promise<Reading>;
  /** Ends it; of a session on the node all is forgotten. Returns how much was. */
  close(): Promise<number>;
}

export interface Consent {
  mood: boolean;
  statistics: boolean;
}

/** Pixels of the cut-out that is sent: more than any network here looks at. */
export const SENT = 112;
const QUALITY = 0.9;
/** Milliseconds before a broken stream is opened again, doubled each time. */
const AGAIN = 500;
const SLOWEST = 8_000;
/** Milliseconds for an answer before the stream is taken to be dead. */
const PATIENCE = 10_000;

interface Frame {
  type: string;
  error?: string;
  detail?: string;
  retry_after_ms?: number;
  probabilities?: Record<string, number>;
  unsure?: boolean | null;
  model_version_tag?: string;
  erased?: number;
  mood?: { mood: Record<string, number> } | null;
}

export class NodeReader implements Reader {
  private socket: WebSocket | undefined;
  private waiting: { answer: (frame: Frame) => void; fail: (error: Error) => void } | undefined;
  private closed = false;
  private wait = AGAIN;
  private timer: ReturnType<typeof setTimeout> | undefined;

  /** `tell` hears whether the stream is open. The session's id is random and known to this page only. */
  constructor(
    private readonly consent: Consent,
    private readonly session: string,
    private readonly tell: (state: "connecting" | "open" | "broken" | "refused") => void,
  ) {
    this.open();
  }

  private open(): void {
    this.tell(this.socket ? "broken" : "connecting");
    const socket = (this.socket = new WebSocket(`${location.origin.replace(/^http/, "ws")}/v1/emotions/stream`));
    let welcomed = false;
    socket.onmessage = ({ data }) => {
      const frame = JSON.parse(String(data)) as Frame;
      if (frame.type === "welcome") {
        welcomed = true;
        this.wait = AGAIN;
        const allow = (["mood", "statistics"] as const).filter((one) => this.consent[one]);
        socket.send(JSON.stringify({ command: "consent", id: "consent", allow, session: this.session }));
        this.tell("open");
      } else if (frame.type !== "consent") {
        this.waiting?.answer(frame);
        this.waiting = undefined;
      }
    };
    socket.onclose = ({ code }) => {
      this.waiting?.fail(new Error("The stream broke."));
      this.waiting = undefined;
      if (this.closed) return;
      if (!welcomed && code === 1008) return this.tell("refused");
      this.tell("broken");
      this.timer = setTimeout(() => this.open(), this.wait);
      this.wait = Math.min(this.wait * 2, SLOWEST);
    };
  }

  private async ask(message: string | Blob): Promise<Frame> {
    const socket = this.socket;
    if (!socket || socket.readyState !== WebSocket.OPEN) throw new Error("The stream is not open.");
    const said = typeof message === "string" ? message : await message.arrayBuffer();
    return new Promise((answer, fail) => {
      const late = setTimeout(() => socket.close(), PATIENCE);
      this.waiting = {
        answer: (frame) => (clearTimeout(late), answer(frame)),
        fail: (error) => (clearTimeout(late), fail(error)),
      };
      socket.send(said);
    });
  }

  async read(face: OffscreenCanvas): Promise<Reading> {
    const frame = await this.ask(await face.convertToBlob({ type: "image/jpeg", quality: QUALITY }));
    if (frame.type !== "prediction") {
      await new Promise((done) => setTimeout(done, frame.retry_after_ms ?? 0));
      throw new Error(frame.detail ?? frame.type);
    }
    return readingOf(frame.probabilities ?? {}, frame.unsure ?? false, frame.model_version_tag ?? "");
  }

  /** The session's mood so far, where it was allowed. */
  async mood(): Promise<Record<string, number> | null> {
    return (await this.ask(JSON.stringify({ command: "mood", id: "mood" }))).mood?.mood ?? null;
  }

  async close(): Promise<number> {
    this.closed = true;
    clearTimeout(this.timer);
    let erased = 0;
    try {
      erased = (await this.ask(JSON.stringify({ command: "forget", id: "forget" }))).erased ?? 0;
    } catch {
      // The stream is gone. What it allowed to be kept is found by the session's id.
      if (this.consent.mood || this.consent.statistics) {
        erased = (await call("DELETE /v1/emotions/mood", { query: { session: this.session } })).erased;
      }
    } finally {
      this.socket?.close();
    }
    return erased;
  }
}

export class BrowserReader implements Reader {
  private opened: Promise<{ model: Model; net: Network }>;

  constructor(progress: (share: number, size: number) => void) {
    this.opened = this.open(progress);
    this.opened.catch(() => undefined); // `read` tells it
  }

  private async open(progress: (share: number, size: number) => void): Promise<{ model: Model; net: Network }> {
    const { models } = await call("GET /v1/models/{name}", { path: { name: "emotions" } });
    const model = models.find(({ state }) => state === "ready");
    if (!model || !("width" in model.input)) throw new Error("The node has no network that reads expressions.");
    const told: Progress = (share) => progress(share, model.size);
    return { model, net: await network(`/v1/blobs/${model.digest}`, model.size, model.input, told) };
  }

  async read(face: OffscreenCanvas): Promise<Reading> {
    const { model, net } = await this.opened;
    const { probabilities, labels, unsure_below } = model.output;
    if (!probabilities || !labels) throw new Error("The network tells no classes.");
    const { outputs } = await net.look(drawn(face, 0, 0, face.width, face.height), [probabilities]);
    const shares = Object.fromEntries(ranked(labels, outputs[probabilities]!).map((one) => [String(one.label), one.probability]));
    const best = Math.max(...Object.values(shares));
    return readingOf(shares, unsure_below != null && best < unsure_below, `${model.name}@${model.version}`);
  }

  async close(): Promise<number> {
    return 0; // nothing was kept anywhere
  }
}

export function readingOf(shares: Record<string, number>, unsure: boolean, by: string): Reading {
  const all = Object.entries(shares).map(([name, share]) => ({ name, share }));
  return { ranked: all.sort((a, b) => b.share - a.share), unsure, by };
}
