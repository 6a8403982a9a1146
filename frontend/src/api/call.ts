/** Ask the node. Typed by the routes of its OpenAPI document: `call("GET /v1/models/{name}", { path: { name } })`. */

import type { Routes } from "./schema";

/** The node answered, and said no. `code` is stable; `detail` is a sentence in English. */
export class Refused extends Error {
  override readonly name = "Refused";
  constructor(
    readonly status: number,
    readonly code: string,
    readonly detail: string,
    /** What else the node said: the row or the column it is about, a limit. */
    readonly more: Readonly<Record<string, unknown>> = {},
    /** Seconds after which to ask again, where the node says so. */
    readonly retryAfter: number | null = null,
  ) {
    super(detail);
  }
}

/** Nothing came back: the node is down, or the way to it. */
export class Unreachable extends Error {
  override readonly name = "Unreachable";
}

type Of<R extends keyof Routes, Part extends "path" | "query" | "body" | "reply"> = Routes[R][Part];
type Given<Name extends string, T> = [T] extends [undefined]
  ? { [K in Name]?: never }
  : Record<string, never> extends T
    ? { [K in Name]?: T }
    : object extends T
      ? { [K in Name]?: T }
      : { [K in Name]: T };

export type Request<R extends keyof Routes> = Given<"path", Of<R, "path">> &
  Given<"query", Of<R, "query">> &
  Given<"body", Of<R, "body">> & { headers?: Record<string, string>; signal?: AbortSignal };

type Loose = {
  path?: Record<string, string | number>;
  query?: Record<string, unknown>;
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
};

/** What wants to know of every answer: whether the node is there, and whether it wants a sign-in. */
export const watchers = {
  reached: (): void => {},
  lost: (): void => {},
  signedOut: (): void => {},
};

/** The address of a route, with its path and query filled in. */
export function address<R extends keyof Routes>(
  route: R,
  asked: Pick<Request<R>, "path" | "query"> | Loose = {},
): string {
  const { path = {}, query = {} } = asked as Loose;
  const template = route.slice(route.indexOf(" ") + 1);
  const filled = template.replace(/\{(\w+)(:path)?\}/g, (_, name: string, whole?: string) => {
    const value = encodeURIComponent(String(path[name] ?? ""));
    return whole || name === "key" ? value.replaceAll("%2F", "/") : value;
  });
  const words = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== undefined && one !== null) words.append(name, String(one));
    }
  }
  const said = words.toString();
  return said ? `${filled}?${said}` : filled;
}

/**
 * The reply of a route: what its JSON says, undefined for none, else a `Blob`.
 * Throws `Refused`, `Unreachable`, or the `AbortError` of its signal.
 */
export async function call<R extends keyof Routes>(route: R, asked?: Request<R>): Promise<Of<R, "reply">> {
  return read(await send(route, asked)) as Promise<Of<R, "reply">>;
}

/** The same with the whole response, for those who need its headers. */
export async function send<R extends keyof Routes>(route: R, asked?: Request<R>): Promise<Response> {
  const { body, headers = {}, signal = null } = (asked ?? {}) as Loose;
  const method = route.slice(0, route.indexOf(" "));
  const raw = body instanceof Blob || body instanceof FormData || body === undefined;
  let response: Response;
  try {
    response = await fetch(address(route, asked), {
      method,
      signal,
      headers: raw ? headers : { "Content-Type": "application/json", ...headers },
      ...(body !== undefined && { body: raw ? (body as BodyInit) : JSON.stringify(body) }),
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    watchers.lost();
    throw new Unreachable("The node does not answer.");
  }
  watchers.reached();
  if (response.ok) return response;
  const refusal = await refusalOf(response);
  if (refusal.code === "not_signed_in") watchers.signedOut();
  throw refusal;
}

async function read(response: Response): Promise<unknown> {
  const kind = response.headers.get("Content-Type") ?? "";
  if (response.status === 204 || response.status === 304) return undefined;
  return kind.startsWith("application/json") ? response.json() : response.blob();
}

async function refusalOf(response: Response): Promise<Refused> {
  const after = Number(response.headers.get("Retry-After")) || null;
  try {
    const { error, detail, ...more } = await response.json();
    if (typeof error === "string") return new Refused(response.status, error, String(detail), more, after);
  } catch {
    // a proxy between us, which speaks HTML
  }
  return new Refused(response.status, `http_${response.status}`, response.statusText || "No reason given.", {}, after);
}
