/** A room's messages as they are laid out: days, and what one person says in a row as one group. */

import type { Message } from "../../api/schema";

export interface Line {
  message: Message;
  /** Of its group. */
  first: boolean;
  last: boolean;
  /** The first of its day. */
  newDay: boolean;
}

/** Milliseconds of silence that end a group. */
const PAUSE = 5 * 60_000;

export function lines(messages: readonly Message[]): Line[] {
  const together = (one: Message | undefined, other: Message | undefined): boolean =>
    one !== undefined &&
    other !== undefined &&
    one.person === other.person &&
    Date.parse(other.at) - Date.parse(one.at) < PAUSE &&
    day(one.at) === day(other.at);
  return messages.map((message, i) => ({
    message,
    first: !together(messages[i - 1], message),
    last: !together(message, messages[i + 1]),
    newDay: i === 0 || day(messages[i - 1]!.at) !== day(message.at),
  }));
}

export function day(at: string): string {
  return new Date(at).toDateString();
}

const CLOTHS = ["clay", "sage", "sky", "straw", "rose"] as const;

/** The cloth behind somebody's initials: always the same one. */
export function cloth(person: string): string {
  let hash = 0;
  for (const letter of person) hash = (hash * 31 + letter.codePointAt(0)!) % 65_521;
  return `cloth-${CLOTHS[hash % CLOTHS.length]}`;
}

/** Of a name, two letters. */
export function initials(name: string): string {
  const parts = name.split(/[\s._-]+/).filter(Boolean);
  const letters = parts.length > 1 ? [parts[0]!, parts.at(-1)!].map((part) => [...part][0]) : [...(parts[0] ?? "?")].slice(0, 2);
  return letters.join("").toUpperCase();
}
