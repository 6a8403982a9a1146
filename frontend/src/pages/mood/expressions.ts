/** The seven expressions of contract 6, in their order, each with its name and its colour for the whole session. */

import { say } from "./words";

export const EXPRESSIONS = ["angry", "disgust", "fear", "happy", "neutral", "sad", "surprise"] as const;
export type Expression = (typeof EXPRESSIONS)[number];

const COLOURS: Record<Expression, string> = {
  angry: "var(--series-3)",
  disgust: "var(--series-7)",
  fear: "var(--series-5)",
  happy: "var(--series-4)",
  neutral: "var(--series-1)",
  sad: "var(--series-2)",
  surprise: "var(--series-6)",
};

function known(name: string): Expression | undefined {
  return EXPRESSIONS.find((one) => one === name);
}

/** What people call it; a network's own word where it is none of the seven. */
export function called(name: string): string {
  const one = known(name);
  return one ? say[one] : name.replaceAll("_", " ");
}

export function colourOf(name: string): string {
  const one = known(name);
  return one ? COLOURS[one] : "var(--series-8)";
}
