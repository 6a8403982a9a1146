/** What a room is called, for who looks at it. */

import type { Room } from "../../api/schema";
import type { Talk } from "./talk.svelte";
import { say } from "./words";

export function nameOf(room: Pick<Room, "name" | "kind" | "title">, talk: Talk): string {
  const others = (talk.threads.get(room.name)?.people ?? []).filter((one) => one.person !== talk.me?.person);
  const said = talk.threads.get(room.name)?.messages.find((one) => one.role !== "operator");
  if (room.name === "general") return say.general;
  if (room.kind === "shop") {
    if (talk.me?.role !== "operator") return say.shop;
    return said?.nickname ?? room.title ?? say.guest;
  }
  if (room.kind === "direct") return others[0]?.nickname ?? room.title;
  return room.title || room.name;
}
