import { expect, it } from "vitest";
import { blocks, inline } from "./markdown";

it("a card is read as headings, paragraphs, lists, tables and code", () => {
  const card = "# ventas\n\nDice si\nvuelve. **Ojo**: `seed` 0.\n\n- uno\n  sigue\n- dos\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```\nx = 1\n```\n";
  expect(blocks(card).map((block) => block.kind)).toEqual(["heading", "paragraph", "list", "table", "code"]);
  expect(blocks(card)[1]).toEqual({
    kind: "paragraph",
    inside: [
      { kind: "text", text: "Dice si vuelve. " },
      { kind: "bold", text: "Ojo" },
      { kind: "text", text: ": " },
      { kind: "code", text: "seed" },
      { kind: "text", text: " 0." },
    ],
  });
  expect(blocks(card)[2]).toMatchObject({ items: [[{ text: "uno sigue" }], [{ text: "dos" }]] });
});

it("a link leads to a page, and to nothing that runs", () => {
  expect(inline("[a](https://feria.example/x) [b](javascript:alert(1)) [c](//evil.example)")).toEqual([
    { kind: "link", text: "a", href: "https://feria.example/x" },
    { kind: "text", text: " " },
    { kind: "text", text: "b" },
    { kind: "text", text: ") " },
    { kind: "text", text: "c" },
  ]);
});

it("whatever somebody writes, it ends", () => {
  for (const text of ["", "```", "- ", "|", "| a |", "#", "####### x", "* *\n1.", "- a\n```\nb"]) {
    expect(Array.isArray(blocks(text))).toBe(true);
  }
});
