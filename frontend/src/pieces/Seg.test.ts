import { fireEvent, render, screen } from "@testing-library/svelte";
import { expect, it, vi } from "vitest";
import Seg from "./Seg.svelte";

const CHOICES = [
  { value: "a", label: "A" },
  { value: "b", label: "B", disabled: true },
  { value: "c", label: "C" },
] as const;

it("arrows go round and leave out what cannot be chosen", async () => {
  const choose = vi.fn();
  render(Seg, { props: { label: "letters", choices: CHOICES, value: "a", choose } });
  await fireEvent.keyDown(screen.getByText("A"), { key: "ArrowRight" });
  expect(choose).toHaveBeenLastCalledWith("c");
  expect(document.activeElement).toBe(screen.getByText("C"));
  await fireEvent.keyDown(screen.getByText("A"), { key: "ArrowLeft" });
  expect(choose).toHaveBeenLastCalledWith("c");
  await fireEvent.keyDown(screen.getByText("A"), { key: "x" });
  expect(choose).toHaveBeenCalledTimes(2);
});

it("what is chosen is pressed", () => {
  render(Seg, { props: { label: "letters", choices: CHOICES, value: "c", choose: () => {} } });
  expect(screen.getAllByRole("button").map((one) => one.getAttribute("aria-pressed"))).toEqual(["false", "false", "true"]);
  expect(screen.getByRole("group", { name: "letters" })).toBeTruthy();
});
