/**
 * A conversation with the node's chat (docs/how-to/chat.md) that loses nothing: each room is followed by the number
 * of its last change, so what was missed is asked for by one number; and what was written waits here, under an id
 * of its own, until the node says that it is stored. Sent twice, it counts once.
 */

import { SvelteMap } from "svelte/reactivity";
import type { Marks, Message, Room } from "../../api/schema";

export interface Me {
  person: string;
  nickname: string;
  role: "guest" | "member" | "operator";
}

/** Somebody in a room; how far they have come is told of rooms that are not open to all. */
export interface Present {
  person: string;
  nickname: string;
  online?: boolean;
  marks?: Marks;
}

/** What somebody wrote here and the node has not acknowledged. */
export interface Draft {
  id: string;
  room: string;
  text: string;
  /** Why it was refused; nothing while it is on its way. */
  refused?: string;
}

/** What of socket.io-client is used; a test has another. */
export interface Wire {
  on(event: string, told: (...said: never[]) => void): unknown;
  /** Rejects when no acknowledgement comes in time. */
  ask(event: string, order: object): Promise<Answer>;
  tell(event: string, order: object): void;
  close(): void;
}

export interface Answer {
  status: "success" | "error";
  error?: string;
  detail?: string;
  retry_after?: number;
  [more: string]: unknown;
}

/** Where drafts survive a page that is loaded anew. */
export type Shelf = Pick<Storage, "getItem" | "setItem" | "removeItem">;

const KEPT = "chat.unsent";
/** How many rooms are listened to beside the one that is open. */
const LISTENED = 30;
const PAGE = 50;
/** Milliseconds: how long somebody is taken to be writing, how often one's own writing is told. */
const TYPING_LASTS = 5_000;
const TYPING_TOLD = 3_000;
const RETRY = 1_500;

export class Thread {
  messages = $state.raw<readonly Message[]>([]);
  people = $state.raw<readonly Present[]>([]);
  /** By person: their name, until they are silent. */
  typing = new SvelteMap<string, string>();
  /** Whether there are older messages than the first. */
  more = $state(false);
  /** Everything up to this number is here. */
  last: number | null = null;
  joined = $state(false);
  /** More than the newest message, which the list of rooms shows, was asked for. */
  looked = false;
  failed = $state<Answer | null>(null);

  /** A message, new or said otherwise; in the order of the room. */
  put(one: Message): void {
    const at = this.messages.findIndex((known) => known.seq >= one.seq);
    if (at < 0) this.messages = [...this.messages, one];
    else this.messages = this.messages.toSpliced(at, this.messages[at]?.seq === one.seq ? 1 : 0, one);
    this.last = Math.max(this.last ?? 0, one.changed);
    this.typing.delete(one.person);
  }
}

export class Talk {
  me = $state.raw<Me | null>(null);
  way = $state<"joining" | "live" | "away" | "refused">("joining");
  /** Why the chat does not let us in. */
  refusal = $state<string>("");
  rooms = $state.raw<readonly Room[]>([]);
  threads = new SvelteMap<string, Thread>();
  drafts = $state.raw<readonly Draft[]>([]);

  readonly #wire: Wire;
  readonly #shelf: Shelf;
  #toldTyping = 0;
  #silences = new Map<string, ReturnType<typeof setTimeout>>();
  #sending = new Set<string>();
  #open: string | null = null;
  #closed = false;

  constructor(wire: Wire, shelf: Shelf = sessionStorage) {
    this.#wire = wire;
    this.#shelf = shelf;
    this.drafts = JSON.parse(shelf.getItem(KEPT) ?? "[]");
    wire.on("welcome", (me: Me) => {
      this.me = me;
      this.way = "live";
      void this.#comeBack();
    });
    wire.on("disconnect", () => (this.way = "away"));
    wire.on("connect_error", (error: Error & { data?: { error?: string; detail?: string } }) => {
      this.way = error.data?.error ? "refused" : "away";
      this.refusal = error.data?.detail ?? "";
    });
    wire.on("refused", (said: Answer) => {
      if (said.error !== "rate_limited") this.refusal = said.detail ?? "";
    });
    wire.on("message", (one: Message) => this.#hear(one));
    wire.on("changed", (one: Message) => this.#hear(one));
    wire.on("presence", (one: Present & { room: string }) => this.#see(one));
    wire.on("marks", (one: Present & { room: string }) => this.#see(one));
    wire.on("typing", (one: Present & { room: string }) => this.#seeTyping(one));
    wire.on("removed", (one: { room: string; detail: string }) => {
      this.thread(one.room).failed = { status: "error", detail: one.detail };
    });
  }

  get unread(): number {
    return this.rooms.reduce((sum, room) => sum + room.unread!, 0);
  }

  /** Makes it where there is none yet: not for templates, which look into `threads`. */
  thread(room: string): Thread {
    let thread = this.threads.get(room);
    if (!thread) this.threads.set(room, (thread = new Thread()));
    return thread;
  }

  /** Look at a room; what is said there is read from now on. */
  async open(room: string): Promise<void> {
    this.#open = room;
    this.thread(room);
    if (this.way !== "live") return;
    await this.#join(room, PAGE);
    await this.#look(room);
    this.read(room);
  }

  /** Older messages than those that are here. */
  async older(room: string): Promise<void> {
    const thread = this.thread(room);
    const first = thread.messages[0];
    if (!first) return;
    const page = await this.#ask("history", { room, before: first.seq, limit: PAGE });
    if (page.status !== "success") return;
    const found = page["messages"] as Message[];
    thread.messages = [...found.filter((one) => one.seq < first.seq), ...thread.messages];
    thread.more = Boolean(page["more"]);
  }

  /** Write. It is shown at once and waits until it is stored. */
  say(room: string, text: string, id: string = crypto.randomUUID()): void {
    this.#keep([...this.drafts, { id, room, text }]);
    void this.#send(id);
  }

  retry(id: string): void {
    this.#keep(this.drafts.map((one) => (one.id === id ? { id, room: one.room, text: one.text } : one)));
    void this.#send(id);
  }

  drop(id: string): void {
    this.#keep(this.drafts.filter((one) => one.id !== id));
  }

  /** That one is writing; told now and then. */
  writing(room: string, now = Date.now()): void {
    if (this.way !== "live" || now - this.#toldTyping < TYPING_TOLD) return;
    this.#toldTyping = now;
    this.#wire.tell("typing", { room });
  }

  /** Everything in the room has been seen. */
  read(room: string): void {
    const last = this.thread(room).messages.at(-1);
    const known = this.rooms.find((one) => one.name === room);
    if (!last || document.hidden || this.way !== "live") return;
    if (known && known.unread === 0 && known.marks!.read! >= last.seq) return;
    this.#change(room, (one) => ({ ...one, unread: 0, marks: { ...one.marks, read: last.seq } }));
    this.#wire.tell("read", { room, seq: last.seq });
  }

  /** Anything else that the chat knows: `create`, `delete`, `moderate`, `nickname`, `shop`, … */
  ask(event: string, order: object): Promise<Answer> {
    return this.#ask(event, order);
  }

  async refresh(): Promise<void> {
    const found = await this.#ask("rooms", {});
    if (found.status !== "success") return;
    this.rooms = found["rooms"] as Room[];
    for (const room of this.rooms.slice(0, LISTENED)) {
      if (!this.threads.get(room.name)?.joined) await this.#join(room.name, 1);
    }
  }

  close(): void {
    this.#closed = true;
    for (const silence of this.#silences.values()) clearTimeout(silence);
    this.#wire.close();
  }

  // ----------------------------------------------------------------- coming back
  async #comeBack(): Promise<void> {
    for (const thread of this.threads.values()) thread.joined = false;
    if (this.#open) await this.open(this.#open);
    for (const [room, thread] of this.threads) if (!thread.joined) await this.#join(room, PAGE);
    await this.refresh();
    for (const draft of this.drafts) if (!draft.refused) void this.#send(draft.id);
  }

  /** Hear a room: the newest of it the first time, later what was missed. */
  async #join(room: string, limit: number): Promise<void> {
    const thread = this.thread(room);
    const known = thread.last !== null && (limit === 1 || thread.looked);
    for (let more = true; more && this.way === "live"; ) {
      const page = await this.#ask("join", known ? { room, after: thread.last } : { room, limit });
      if (page.status !== "success") {
        thread.failed = page;
        return;
      }
      for (const one of page["messages"] as Message[]) thread.put(one);
      thread.last = Math.max(thread.last ?? 0, page["last"] as number);
      thread.failed = null;
      if (!known) thread.more = Boolean(page["more"]);
      more = known && Boolean(page["more"]);
    }
    thread.joined = true;
    thread.looked ||= limit > 1;
  }

  async #look(room: string): Promise<void> {
    const found = await this.#ask("people", { room });
    if (found.status === "success") this.thread(room).people = found["people"] as Present[];
  }

  // ----------------------------------------------------------------- sending
  async #send(id: string): Promise<void> {
    const draft = this.drafts.find((one) => one.id === id);
    if (!draft || this.way !== "live" || this.#sending.has(id)) return;
    this.#sending.add(id);
    const answer = await this.#ask("message", { room: draft.room, id, text: draft.text });
    this.#sending.delete(id);
    if (answer.status === "success") this.#stored(draft, answer);
    else if (answer.error === "rate_limited") this.#later(id, (answer.retry_after ?? 1) * 1000);
    else if (answer.error === "unanswered") this.#later(id, RETRY);
    else this.#keep(this.drafts.map((one) => (one.id === id ? { ...one, refused: answer.detail ?? "" } : one)));
  }

  #later(id: string, milliseconds: number): void {
    setTimeout(() => !this.#closed && void this.#send(id), milliseconds);
  }

  /** It is told to the room as well, before or after this; whichever comes first shows it. */
  #stored(draft: Draft, answer: Answer): void {
    this.drop(draft.id);
    const thread = this.thread(draft.room);
    const seq = answer["seq"] as number;
    if (!this.me || thread.messages.some((one) => one.seq === seq)) return;
    const { last } = thread;
    thread.put({
      ...{ room: draft.room, seq, changed: answer["changed"] as number, id: draft.id, at: answer["at"] as string },
      ...{ ...this.me, text: draft.text, products: [] },
    });
    thread.last = last; // what came between is still to be heard
  }

  #keep(drafts: readonly Draft[]): void {
    this.drafts = drafts;
    if (drafts.length) this.#shelf.setItem(KEPT, JSON.stringify(drafts));
    else this.#shelf.removeItem(KEPT);
  }

  // ----------------------------------------------------------------- hearing
  #hear(one: Message): void {
    const thread = this.thread(one.room);
    const isNew = !thread.messages.some((known) => known.seq === one.seq);
    thread.put(one);
    if (one.person === this.me?.person) this.#keep(this.drafts.filter((draft) => draft.id !== one.id));
    else if (isNew) this.#change(one.room, (room) => ({ ...room, last: one.changed, unread: (room.unread ?? 0) + 1 }));
    if (this.#open === one.room) this.read(one.room);
  }

  #see({ room, ...one }: Present & { room: string }): void {
    const thread = this.thread(room);
    const known = thread.people.find((other) => other.person === one.person);
    const seen = { ...known, ...one, online: one.online ?? known?.online ?? true };
    thread.people = [...thread.people.filter((other) => other.person !== one.person), seen];
  }

  #seeTyping({ room, person, nickname }: Present & { room: string }): void {
    if (person === this.me?.person) return;
    const { typing } = this.thread(room);
    typing.set(person, nickname);
    const key = `${room} ${person}`;
    clearTimeout(this.#silences.get(key));
    this.#silences.set(key, setTimeout(() => typing.delete(person), TYPING_LASTS));
  }

  #change(room: string, change: (room: Room) => Room): void {
    this.rooms = this.rooms.map((one) => (one.name === room ? change(one) : one));
  }

  async #ask(event: string, order: object): Promise<Answer> {
    try {
      return await this.#wire.ask(event, order);
    } catch {
      return { status: "error", error: "unanswered" };
    }
  }
}
