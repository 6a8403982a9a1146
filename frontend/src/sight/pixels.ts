/**
 * From a picture to the numbers a network wants, as the node does it (`feria.inference.pictures`), so that a
 * network answers the same here and there.
 */

import type { ImageInput } from "../api/schema";

/** Rows of pixels, `channels` numbers from 0 to 255 each. */
export interface Pixels {
  width: number;
  height: number;
  channels: 1 | 3;
  data: Uint8ClampedArray | Uint8Array;
}

/** Longer sides are halved by the browser first: nothing that a network of 96 pixels can see is lost. */
const LONGEST = 1024;

/** The picture upright, on white where it was transparent. Rejects what the browser cannot decode. */
export async function decoded(picture: Blob): Promise<Pixels> {
  const whole = await createImageBitmap(picture, { imageOrientation: "from-image" });
  const ratio = Math.min(1, LONGEST / Math.max(whole.width, whole.height));
  const pixels = drawn(whole, 0, 0, whole.width, whole.height, Math.round(whole.width * ratio), Math.round(whole.height * ratio));
  whole.close();
  return pixels;
}

/** A rectangle of a picture or video, drawn at that size. */
export function drawn(
  source: CanvasImageSource,
  left: number,
  top: number,
  across: number,
  down: number,
  width = across,
  height = down,
): Pixels {
  const canvas = new OffscreenCanvas(Math.max(1, width), Math.max(1, height));
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) throw new Error("This browser draws nothing.");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(source, left, top, across, down, 0, 0, canvas.width, canvas.height);
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
  const rgb = new Uint8Array(canvas.width * canvas.height * 3);
  for (let from = 0, to = 0; from < data.length; from += 4, to += 3) {
    rgb[to] = data[from]!;
    rgb[to + 1] = data[from + 1]!;
    rgb[to + 2] = data[from + 2]!;
  }
  return { width: canvas.width, height: canvas.height, channels: 3, data: rgb };
}

/** ITU-R 601-2 luma in fixed point, as Pillow and libjpeg have it. */
export function grey({ width, height, data }: Pixels): Pixels {
  const luma = new Uint8Array(width * height);
  for (let at = 0, from = 0; at < luma.length; at++, from += 3) {
    luma[at] = (data[from]! * 19595 + data[from + 1]! * 38470 + data[from + 2]! * 7471 + 0x8000) >> 16;
  }
  return { width, height, channels: 1, data: luma };
}

/** One, in Pillow's fixed point. */
const ONE = 1 << 22;

/** For each pixel of a line of `to`: where it begins to look in a line of `from`, and with which weights. */
function triangles(from: number, to: number): { start: number; weights: Int32Array }[] {
  const scale = from / to;
  const reach = Math.max(scale, 1); // Pillow's bilinear filter widens where it makes smaller
  return Array.from({ length: to }, (_, at) => {
    const centre = (at + 0.5) * scale;
    const start = Math.max(0, Math.floor(centre - reach + 0.5));
    const end = Math.min(from, Math.floor(centre + reach + 0.5));
    const weights = new Float64Array(end - start);
    let sum = 0;
    for (let i = 0; i < weights.length; i++) {
      weights[i] = Math.max(0, 1 - Math.abs((start + i - centre + 0.5) / reach));
      sum += weights[i]!;
    }
    return { start, weights: Int32Array.from(weights, (weight) => Math.floor((weight / sum) * ONE + 0.5)) };
  });
}

/**
 * Pillow's `resize(…, BILINEAR)`: across, then down, rounded to a byte after each. Of pictures much larger than
 * wanted the node averages squares of pixels first, which changes a byte here and there by one or two.
 */
export function resized(pixels: Pixels, width: number, height: number): Pixels {
  const { channels } = pixels;
  let data = pixels.data;
  if (width !== pixels.width) {
    const across = new Uint8ClampedArray(width * pixels.height * channels);
    const line = triangles(pixels.width, width);
    for (let y = 0; y < pixels.height; y++) {
      for (let x = 0; x < width; x++) {
        const { start, weights } = line[x]!;
        for (let c = 0; c < channels; c++) {
          let sum = 0;
          for (let i = 0; i < weights.length; i++) sum += data[(y * pixels.width + start + i) * channels + c]! * weights[i]!;
          across[(y * width + x) * channels + c] = (sum + ONE / 2) >> 22;
        }
      }
    }
    data = across;
  }
  if (height !== pixels.height) {
    const down = new Uint8ClampedArray(width * height * channels);
    const line = triangles(pixels.height, height);
    for (let y = 0; y < height; y++) {
      const { start, weights } = line[y]!;
      for (let at = 0; at < width * channels; at++) {
        let sum = 0;
        for (let i = 0; i < weights.length; i++) sum += data[(start + i) * width * channels + at]! * weights[i]!;
        down[y * width * channels + at] = (sum + ONE / 2) >> 22;
      }
    }
    data = down;
  }
  return { width, height, channels, data };
}

/** As Python rounds: a half to the even number. */
function rounded(value: number): number {
  const down = Math.floor(value);
  return value - down === 0.5 ? down + (down % 2) : Math.round(value);
}

function cut(pixels: Pixels, left: number, top: number, width: number, height: number): Pixels {
  const { channels } = pixels;
  const data = new Uint8Array(width * height * channels);
  for (let y = 0; y < height; y++) {
    const from = ((top + y) * pixels.width + left) * channels;
    data.set(pixels.data.subarray(from, from + width * channels), y * width * channels);
  }
  return { width, height, channels, data };
}

/** In the middle, its edge repeated. */
function padded(inside: Pixels, width: number, height: number): Pixels {
  const { channels } = inside;
  const top = Math.floor((height - inside.height) / 2);
  const left = Math.floor((width - inside.width) / 2);
  const data = new Uint8Array(width * height * channels);
  for (let y = 0; y < height; y++) {
    const row = Math.min(Math.max(y - top, 0), inside.height - 1);
    for (let x = 0; x < width; x++) {
      const column = Math.min(Math.max(x - left, 0), inside.width - 1);
      for (let c = 0; c < channels; c++) {
        data[(y * width + x) * channels + c] = inside.data[(row * inside.width + column) * channels + c]!;
      }
    }
  }
  return { width, height, channels, data };
}

/** At the size the network wants, the way it wants it. */
export function fitted(pixels: Pixels, { width, height, fit = "stretch" }: Pick<ImageInput, "width" | "height" | "fit">): Pixels {
  if (pixels.width === width && pixels.height === height) return pixels;
  if (fit === "stretch") return resized(pixels, width, height);
  if (fit === "crop") {
    const ratio = Math.min(pixels.width / width, pixels.height / height);
    const across = Math.max(1, Math.round(width * ratio));
    const down = Math.max(1, Math.round(height * ratio));
    const left = Math.round((pixels.width - across) / 2);
    const top = Math.round((pixels.height - down) / 2);
    return resized(cut(pixels, left, top, across, down), width, height);
  }
  const ratio = Math.min(width / pixels.width, height / pixels.height);
  const inside = resized(
    pixels,
    Math.max(1, rounded(pixels.width * ratio)),
    Math.max(1, rounded(pixels.height * ratio)),
  );
  return padded(inside, width, height);
}

/** `(pixel - mean) * scale` in the network's layout; its shape is `[1, …]`. */
export function tensor(pixels: Pixels, input: ImageInput): { data: Float32Array; dims: number[] } {
  const { width, height } = input;
  const wanted = input.channels === "GRAY" && pixels.channels === 3 ? grey(pixels) : pixels;
  const { channels, data: bytes } = fitted(wanted, input);
  const mean = input.mean ?? [0];
  const scale = input.scale ?? [1 / 255];
  const first = (input.layout ?? "NCHW") === "NCHW";
  const out = new Float32Array(width * height * channels);
  for (let c = 0; c < channels; c++) {
    const from = input.channels === "BGR" ? channels - 1 - c : c;
    const less = Math.fround(mean[mean.length === 1 ? 0 : c]!);
    const times = Math.fround(scale[scale.length === 1 ? 0 : c]!);
    for (let at = 0; at < width * height; at++) {
      out[first ? c * width * height + at : at * channels + c] = (bytes[at * channels + from]! - less) * times;
    }
  }
  return { data: out, dims: first ? [1, channels, height, width] : [1, height, width, channels] };
}
