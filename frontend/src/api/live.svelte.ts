/**
 * What changes by itself: pushed by server-sent events, asked for at intervals where those do not get through
 * (a proxy that buffers, a browser with too many of them open).
 */

import { onReturn, node } from "./node.svelte";

export interface Live {
  /** `pushed`: events come as they happen; `asked`: at intervals; `lost`: neither gets through. */
  readonly way: "pushed" | "asked" | "lost";
  close(): void;
}

export interface Listening {
  /** What each named event says, with its id. */
  on: Record<string, (data: unknown, id: string) => void>;
  /** Called each time that the stream opens: what was missed meanwhile has to be asked for. */
  opened?: () => void;
  /** Ask for the whole. Called at intervals while nothing is pushed. */
  ask: () => Promise<unknown>;
  /** Milliseconds between two questions; may change with what was answered. */
  every: () => number;
}

/** Failures in a row after which events are taken to be held up on their way. */
const GIVE_UP = 3;
/** Milliseconds after which events are tried again. */
const TRY_AGAIN = 60_000;

/** Listen to `url` until closed. */
export function live(url: string, listening: Listening): Live {
  let way = $state<Live["way"]>("asked");
  let source: EventSource | undefined;
  let failures = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let closed = false;
  const stop = onReturn(() => {
    failures = 0;
    listen();
  });

  function listen(): void {
    source?.close();
    if (closed) return;
    const mine = (source = new EventSource(url));
    mine.onopen = () => {
      failures = 0;
      way = "pushed";
      clearTimeout(timer);
      listening.opened?.();
    };
    mine.onerror = () => {
      if (mine !== source) return;
      way = node.reachable ? "asked" : "lost";
      failures += 1;
      // The browser tries again by itself, unless the node refused.
      if (mine.readyState === EventSource.CLOSED || failures >= GIVE_UP) {
        mine.close();
        setTimeout(listen, TRY_AGAIN);
      }
      askLater();
    };
    for (const [name, told] of Object.entries(listening.on)) {
      mine.addEventListener(name, (event) => told(JSON.parse(event.data), event.lastEventId));
    }
  }

  function askLater(): void {
    clearTimeout(timer);
    if (!closed) timer = setTimeout(ask, listening.every());
  }

  async function ask(): Promise<void> {
    try {
      await listening.ask();
      if (way === "lost") way = "asked";
    } catch {
      way = "lost";
    }
    if (way !== "pushed") askLater();
  }

  listen();
  return {
    get way() {
      return way;
    },
    close() {
      closed = true;
      clearTimeout(timer);
      stop();
      source?.close();
    },
  };
}
