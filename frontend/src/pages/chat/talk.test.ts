import { beforeEach, describe, expect, it, vi } from "vitest";
import type { Message } from "../../api/schema";
import { cloth, initials, lines } from "./lines";
import { Talk, type Answer, type Shelf, type Wire } from "./talk.svelte";

const ME = { person: "guest.me", nickname: "Ana", role: "guest" } as const;

function message(seq: number, more: Partial<Message> = {}): Message {
  return {
    ...{ room: "general", seq, changed: seq, id: `id-${seq}`, person: "guest.other", nickname: "Ben", role: "guest" },
    ...{ text: `text ${seq}`, at: new Date(2026, 10, 1, 12, 0, seq).toISOString(), products: [] },
    ...more,
  } as Message;
}

/** A node's chat in a few lines: it numbers what is said, and can be away. */
class Node implements Wire {
  heard = new Map<string, (said: never) => void>();
  asked: [string, Record<string, unknown>][] = [];
  stored: Message[] = [];
  away = false;
  refuse: Answer | null = null;
  closed = false;

  on(event: string, told: (said: never) => void): void {
    this.heard.set(event, told);
  }
  say(event: string, said: unknown = undefined): void {
    this.heard.get(event)?.(said as never);
  }
  store(one: Partial<Message>): Message {
    const stored = message(this.stored.length + 1, one);
    this.stored.push(stored);
    return stored;
  }
  async ask(event: string, order: Record<string, unknown>): Promise<Answer> {
    this.asked.push([event, order]);
    if (this.away) throw new Error("timeout");
    if (event === "join") {
      const after = order["after"] as number | undefined;
      const messages = this.stored.filter((one) => one.changed > (after ?? 0));
      return { status: "success", messages, last: this.stored.length, more: false };
    }
    if (event === "rooms") return { status: "success", rooms: [] };
    if (event === "people") return { status: "success", people: [] };
    if (event === "message") {
      if (this.refuse) return this.refuse;
      const known = this.stored.find((one) => one.id === order["id"]);
      const one = known ?? this.store({ ...ME, id: order["id"] as string, text: order["text"] as string });
      return { status: "success", seq: one.seq, changed: one.changed, at: one.at, repeated: known !== undefined };
    }
    return { status: "success" };
  }
  tell(event: string, order: Record<string, unknown>): void {
    this.asked.push([event, order]);
  }
  close(): void {
    this.closed = true;
  }
}

function shelf(kept: Record<string, string> = {}): Shelf & { kept: Record<string, string> } {
  return {
    kept,
    getItem: (key) => kept[key] ?? null,
    setItem: (key, value) => void (kept[key] = value),
    removeItem: (key) => void delete kept[key],
  };
}

const settled = () => vi.waitFor(() => undefined).then(() => new Promise((done) => setTimeout(done)));

describe("a talk", () => {
  let node: Node;
  let talk: Talk;
  const texts = () => talk.thread("general").messages.map((one) => one.text);

  beforeEach(async () => {
    node = new Node();
    talk = new Talk(node, shelf());
    node.say("welcome", ME);
    await talk.open("general");
  });

  it("shows what is said in the order of the room, whatever comes first", () => {
    node.say("message", message(3));
    node.say("message", message(1));
    node.say("message", message(2));
    expect(texts()).toEqual(["text 1", "text 2", "text 3"]);
  });

  it("shows a message once, told or stored", async () => {
    talk.say("general", "hola", "mine");
    await settled();
    node.say("message", node.stored[0]);
    expect(texts()).toEqual(["hola"]);
    expect(talk.drafts).toEqual([]);
  });

  it("hears what it missed, and nothing twice", async () => {
    node.say("message", node.store({ text: "before" }));
    node.say("disconnect");
    node.store({ text: "while away" });
    node.store({ text: "while away too" });
    node.say("welcome", ME);
    await settled();
    expect(texts()).toEqual(["before", "while away", "while away too"]);
    const joined = node.asked.filter(([event]) => event === "join").at(-1)!;
    expect(joined[1]).toEqual({ room: "general", after: 1 });
  });

  it("keeps what was written while the node was away, and sends it once it is back", async () => {
    node.say("disconnect");
    talk.say("general", "¿hay alguien?", "waiting");
    expect(talk.drafts.map((one) => one.text)).toEqual(["¿hay alguien?"]);
    node.say("welcome", ME);
    await settled();
    expect(node.stored.map((one) => one.text)).toEqual(["¿hay alguien?"]);
    expect(talk.drafts).toEqual([]);
  });

  it("sends a message whose word got lost again under its id, and the node stores it once", async () => {
    vi.useFakeTimers();
    node.away = true;
    talk.say("general", "once", "same");
    await vi.advanceTimersByTimeAsync(10);
    node.away = false;
    node.store({ ...ME, id: "same", text: "once" }); // it had arrived
    await vi.advanceTimersByTimeAsync(2_000);
    vi.useRealTimers();
    expect(node.stored).toHaveLength(1);
    expect(talk.drafts).toEqual([]);
  });

  it("keeps a refused message with the reason, and drops it only when told", async () => {
    node.refuse = { status: "error", error: "not_allowed", detail: "You may not write." };
    talk.say("general", "no", "bad");
    await settled();
    expect(talk.drafts[0]?.refused).toBe("You may not write.");
    node.refuse = null;
    talk.retry("bad");
    await settled();
    expect(talk.drafts).toEqual([]);
    expect(texts()).toEqual(["no"]);
  });

  it("has what it wrote after the page is loaded anew", () => {
    const kept = shelf();
    const first = new Talk(new Node(), kept);
    first.say("general", "not yet sent", "kept");
    expect(new Talk(new Node(), kept).drafts.map((one) => one.text)).toEqual(["not yet sent"]);
  });

  it("takes an edit for the message that it changes", () => {
    node.say("message", message(1));
    node.say("changed", message(1, { text: "better", changed: 2 }));
    expect(texts()).toEqual(["better"]);
    expect(talk.thread("general").last).toBe(2);
  });

  it("forgets that somebody writes when they are silent, or have written", () => {
    vi.useFakeTimers();
    node.say("typing", { room: "general", person: "guest.other", nickname: "Ben" });
    expect([...talk.thread("general").typing.values()]).toEqual(["Ben"]);
    vi.advanceTimersByTime(5_000);
    expect(talk.thread("general").typing.size).toBe(0);
    node.say("typing", { room: "general", person: "guest.other", nickname: "Ben" });
    node.say("message", message(1));
    expect(talk.thread("general").typing.size).toBe(0);
    vi.useRealTimers();
  });
});

describe("lines", () => {
  it("puts what one says in a row together, until a pause or the next day", () => {
    const at = (day: number, minute: number) => new Date(2026, 10, day, 12, minute).toISOString();
    const found = lines([
      message(1, { at: at(1, 0) }),
      message(2, { at: at(1, 1) }),
      message(3, { at: at(1, 20) }),
      message(4, { at: at(2, 20) }),
      message(5, { at: at(2, 21), person: "other" }),
    ]);
    expect(found.map((line) => [line.first, line.last, line.newDay])).toEqual([
      [true, false, true],
      [false, true, false],
      [true, true, false],
      [true, true, true],
      [true, true, false],
    ]);
  });

  it("gives everybody two letters and always the same cloth", () => {
    expect(["Lucía Quispe", "marta", "guest 4f", ""].map(initials)).toEqual(["LQ", "MA", "G4", "?"]);
    expect(cloth("ana")).toBe(cloth("ana"));
  });
});
