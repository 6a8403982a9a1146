/** A key's value: bytes, which are shown where they are text. */

import { Refused, send } from "../../api/call";

export interface Value {
  blob: Blob;
  /** Null where the bytes are no text, or too many to be read here. */
  text: string | null;
  version: number;
  /** In quotes, to say that the next write is on top of this one. */
  etag: string;
}

const LARGEST_SHOWN = 64 * 1024;

export async function asText(blob: Blob): Promise<string | null> {
  if (blob.size > LARGEST_SHOWN) return null;
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(await blob.arrayBuffer());
    return text.includes("\0") ? null : text;
  } catch {
    return null;
  }
}

/** The value, or null where there is none (any more). */
export async function read(key: string, signal: AbortSignal): Promise<Value | null> {
  try {
    const answer = await send("GET /v1/kv/{key}", { path: { key }, signal });
    const blob = await answer.blob();
    const etag = answer.headers.get("ETag") ?? "";
    return { blob, text: await asText(blob), version: Number(etag.replaceAll('"', "")), etag };
  } catch (error) {
    if (error instanceof Refused && error.status === 404) return null;
    throw error;
  }
}

/** Bytes out of Base64. */
export function decoded(base64: string): Blob {
  return new Blob([Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0))]);
}
