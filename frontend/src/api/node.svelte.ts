/** The node that serves this page: whether it answers, and who it takes us for. */

import { go, here } from "../router.svelte";
import { call, watchers } from "./call";
import type { Permission, Who } from "./schema";

const OPEN = new Set(["/", "/shop", "/mood", "/chat", "/login"]);
/** Milliseconds between looks at a node that does not answer. */
const LOOK = 3_000;

let reachable = $state(true);
let who = $state<Who | null>(null);
let looking: ReturnType<typeof setTimeout> | undefined;

export const node = {
  get reachable(): boolean {
    return reachable;
  },
  /** Nothing while it is not known yet. */
  get who(): Who | null {
    return who;
  },
  may(permission: Permission): boolean {
    return who !== null && (who.permissions ?? []).includes(permission);
  },
};

/** Ask who we are. */
export async function introduce(): Promise<void> {
  who = await call("GET /v1/session");
}

export async function signIn(token: string): Promise<void> {
  who = await call("POST /v1/session", { body: { token } });
}

export async function signOut(): Promise<void> {
  await call("DELETE /v1/session");
  location.assign("/login");
}

async function look(): Promise<void> {
  try {
    await call("GET /v1/session");
  } catch {
    // still away; `lost` has set the next look
  }
}

const awaited = new Set<() => void>();

/** Be told each time that the node is back. Returns how to stop. */
export function onReturn(told: () => void): () => void {
  awaited.add(told);
  return () => awaited.delete(told);
}

watchers.lost = () => {
  reachable = false;
  clearTimeout(looking);
  looking = setTimeout(look, LOOK);
};

watchers.reached = () => {
  clearTimeout(looking);
  if (reachable) return;
  reachable = true;
  if (who === null) void introduce().catch(() => undefined);
  for (const told of awaited) told();
};

watchers.signedOut = () => {
  const first = `/${here.path.split("/")[1] ?? ""}`;
  if (!OPEN.has(first)) go(`/login?next=${encodeURIComponent(here.address)}`, { replace: true });
};

addEventListener("offline", () => watchers.lost());
addEventListener("online", () => void look());
