/**
 * What this browser lets the shop remember: nothing, until the visitor says so. Then a random id that means nothing
 * elsewhere is made, and what is looked at is told to the node under it.
 */

import { call } from "../../api/call";

const KEPT = "shopper";

let id = $state<string | null>(localStorage.getItem(KEPT));

export const shopper = {
  /** Null for who is not remembered. */
  get id(): string | null {
    return id;
  },
  remember(): void {
    id = randomId();
    localStorage.setItem(KEPT, id);
  },
  forget(): void {
    id = null;
    localStorage.removeItem(KEPT);
  },
};

/** 128 random bits in hexadecimal. `crypto.randomUUID` is missing where a page has no TLS. */
export function randomId(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Say that they looked at a product, if they agreed to that. */
export async function looked(sku: string): Promise<void> {
  if (!id) return;
  try {
    await call("POST /v1/events", { body: { events: [{ id: randomId(), shopper: id, kind: "view", sku, consent: true }] } });
  } catch {
    // what was not told is not missed
  }
}
