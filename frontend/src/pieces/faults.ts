/** Any error in the words of the one who reads it. */

import { Refused, Unreachable } from "../api/call";
import { say } from "./words";

/** Codes of the node that have a sentence here. */
export const CODES = [
  "internal", "invalid", "not_an_image", "no_face", "not_a_model", "too_large", "over_limit", "not_found",
  "not_signed_in", "not_allowed", "conflict", "busy", "rate_limited", "bootstrapping", "cancelled", "expired",
  "unavailable", "disk_full", "corrupt", "crashed",
] as const;

export interface Told {
  /** What happened and what to do, in the language spoken. */
  sentence: string;
  /** What the node said itself, in English. Empty where it said nothing more. */
  detail: string;
  /** The stable code, for who asks for help. Empty where there is none. */
  code: string;
}

export function told(error: unknown): Told {
  if (error instanceof Unreachable) return { sentence: say.unreachable, detail: "", code: "" };
  if (!(error instanceof Refused)) return { sentence: say.unknown, detail: String(error), code: "" };
  const known = CODES.find((code) => code === error.code);
  const sentence = known ? say[known] : say.unknown;
  const later = error.retryAfter && error.code === "rate_limited" ? ` ${say.seconds(error.retryAfter)}` : "";
  return { sentence: sentence + later, detail: error.detail, code: error.code };
}
