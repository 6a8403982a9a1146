/** The stock socket.io-client, over a WebSocket or, where that does not get through, polling. */

import { io } from "socket.io-client";
import type { Answer, Me, Wire } from "./talk.svelte";

/** Milliseconds after which a question is taken to be lost. */
const PATIENCE = 10_000;
/** Milliseconds before a node that hung up is tried again. */
const COME_BACK = 1_000;
const GUEST = "chat.guest";

/** Connect as a shopper, who is the same guest tomorrow, or as somebody of the shop. */
export function connect(role: "guest" | "member"): Wire {
  const socket = io({
    auth: (tell: (auth: object) => void) => {
      const guest = localStorage.getItem(GUEST);
      tell({ as: role, mensaje: false, ...(role === "guest" && guest && { guest }) });
    },
    transports: ["websocket", "polling"],
    reconnectionDelay: 500,
    reconnectionDelayMax: 5_000,
  });
  socket.on("welcome", (me: Me & { guest?: string }) => {
    if (me.guest) localStorage.setItem(GUEST, me.guest);
  });
  const comeBack = () => setTimeout(() => socket.connect(), COME_BACK);
  // A node that stops hangs up, and refuses who comes: the client takes both for good, and they are not.
  socket.on("disconnect", (reason) => reason === "io server disconnect" && comeBack());
  socket.on("connect_error", (error: Error & { data?: { error?: string } }) => {
    if (socket.active) return;
    if (error.data?.error === "unavailable") comeBack();
    else if (role === "guest" && localStorage.getItem(GUEST)) {
      localStorage.removeItem(GUEST); // signed by a node that this one does not share its chat with
      comeBack();
    }
  });
  return {
    on: (event, told) => socket.on(event, told as never),
    ask: (event, order) => socket.timeout(PATIENCE).emitWithAck(event, order) as Promise<Answer>,
    tell: (event, order) => void socket.emit(event, order),
    close: () => void socket.disconnect(),
  };
}

/** Keep the name that the node has signed. */
export function keepGuest(signed: string): void {
  localStorage.setItem(GUEST, signed);
}
