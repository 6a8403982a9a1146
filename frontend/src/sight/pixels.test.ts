import { expect, it } from "vitest";
import { fitted, grey, tensor, type Pixels } from "./pixels";

/** Numbers that look random and are the same in every language: what the node was asked with, too. */
function made(width: number, height: number): Pixels {
  const data = new Uint8Array(width * height * 3);
  let seed = 7n;
  for (let i = 0; i < data.length; i++) {
    seed = (seed * 1103515245n + 12345n) % 2n ** 31n;
    data[i] = Number((seed >> 16n) & 255n);
  }
  return { width, height, channels: 3, data };
}

// What `PictureReader._fit` made of the same pixels, with Pillow 13.
it("a picture is made smaller as the node does it, to the byte", () => {
  expect([...fitted(made(7, 5), { width: 3, height: 2, fit: "stretch" }).data]).toEqual([
    98, 89, 125, 120, 114, 93, 123, 103, 108, 115, 89, 158, 128, 109, 135, 113, 133, 112,
  ]);
});

it("and larger", () => {
  expect([...fitted(made(3, 2), { width: 5, height: 4, fit: "stretch" }).data]).toEqual([
    108, 78, 116, 123, 54, 84, 146, 19, 37, 79, 35, 44, 34, 46, 49, 121, 110, 92, 136, 73, 90, 157, 19, 87, 88, 44, 72,
    42, 61, 62, 148, 173, 43, 161, 111, 101, 179, 18, 187, 107, 61, 128, 58, 90, 89, 161, 205, 19, 173, 130, 106, 190,
    18, 237, 116, 70, 156, 66, 105, 102,
  ]);
});

it("and padded with its own edge", () => {
  expect([...fitted(made(7, 3), { width: 4, height: 4, fit: "pad" }).data]).toEqual([
    107, 81, 117, 103, 88, 57, 142, 116, 117, 138, 78, 129, 107, 81, 117, 103, 88, 57, 142, 116, 117, 138, 78, 129, 82,
    109, 197, 99, 110, 73, 97, 118, 100, 129, 119, 99, 82, 109, 197, 99, 110, 73, 97, 118, 100, 129, 119, 99,
  ]);
});

it("grey is the grey of Pillow", () => {
  expect([...grey(made(3, 2)).data]).toEqual([91, 59, 43, 171, 94, 93]);
});

it("a tensor has the network's layout, channels, mean and scale", () => {
  const one: Pixels = { width: 2, height: 1, channels: 3, data: new Uint8Array([10, 20, 30, 40, 50, 60]) };
  const input = { input: "x", width: 2, height: 1, mean: [10], scale: [0.5] };
  expect(tensor(one, input)).toEqual({ data: new Float32Array([0, 15, 5, 20, 10, 25]), dims: [1, 3, 1, 2] });
  expect(tensor(one, { ...input, layout: "NHWC", channels: "BGR" })).toEqual({
    data: new Float32Array([10, 5, 0, 25, 20, 15]),
    dims: [1, 1, 2, 3],
  });
  expect(tensor(one, { ...input, channels: "GRAY", mean: [0], scale: [1] }).data).toEqual(new Float32Array([18, 48]));
});
