/** Something that a page shows and the node knows: asked for, kept while it is asked for anew, and dropped in time. */

import { onReturn } from "./node.svelte";

export interface Resource<T> {
  /** The last answer, even when a newer one failed. */
  readonly data: T | undefined;
  readonly error: Error | undefined;
  /** A question is on its way. */
  readonly loading: boolean;
  /** When `data` came, in ms since 1970. */
  readonly at: number;
  reload(): Promise<void>;
  /** Put in what is known already, as after a change that answered with the new state. */
  put(data: T): void;
}

/**
 * Ask now, and again whenever what `ask` reads before its first `await` changes. An older question is cancelled.
 * Call it while a component is being made. It asks again when the node is back.
 */
export function resource<T>(ask: (signal: AbortSignal) => Promise<T>): Resource<T> {
  let data = $state.raw<T>();
  let error = $state.raw<Error>();
  let loading = $state(true);
  let at = $state(0);
  let asked: AbortController | undefined;

  async function run(): Promise<void> {
    asked?.abort();
    const mine = (asked = new AbortController());
    const answer = ask(mine.signal);
    loading = true;
    try {
      const said = await answer;
      if (mine !== asked) return;
      data = said;
      error = undefined;
      at = Date.now();
    } catch (fault) {
      if (mine !== asked || mine.signal.aborted) return;
      error = fault as Error;
    }
    loading = false;
  }

  $effect(() => {
    void run();
    return () => {
      asked?.abort();
      asked = undefined;
    };
  });
  $effect(() => onReturn(() => error && void run()));

  return {
    get data() {
      return data;
    },
    get error() {
      return error;
    },
    get loading() {
      return loading;
    },
    get at() {
      return at;
    },
    reload: run,
    put(known: T) {
      data = known;
      error = undefined;
      at = Date.now();
    },
  };
}
