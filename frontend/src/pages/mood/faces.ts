/**
 * Faces, found in this browser with the node's own detector: Lienhart's cascade `alt2` of Haar features, as OpenCV
 * runs it (Viola and Jones 2001, https://doi.org/10.1109/CVPR.2001.990517). It finds upright faces that look into
 * the camera and fill at least 15 % of the frame's long side.
 */

import { drawn, grey, type Pixels } from "../../sight/pixels";

/** A square around a face, in pixels of its frame; it may end beyond it. */
export interface Box {
  left: number;
  top: number;
  side: number;
}

interface Rectangle {
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface Cascade {
  /** Side of what it was trained on. */
  window: number;
  stages: { threshold: number; trees: [nodes: number[], leaves: number[]][] }[];
  /** Of each feature its rectangles, five numbers each: x, y, width, height, weight. */
  features: number[][];
}

/** The same as `feria.faces.haar` and `feria.faces.frames` have. */
const STEP = 1.2;
const NEIGHBOURS = 3;
const LEAST = 24;
const LOOKED_AT = 160;
/** Rectangles whose sides differ by less than this share are of one face. */
const ALIKE = 0.2;
/** Added to the box on each side before it is cut out: what the networks that read faces were shown. */
const MARGIN = 0.05;

export class FaceFinder {
  // The cascade laid out flat, for it is walked some ten thousand times a frame.
  private readonly window: number;
  /** Of each stage: its threshold, and its trees from `first` to the next stage's. */
  private readonly stages: { threshold: number; first: number; end: number }[] = [];
  /** Where a tree's nodes and its leaves begin. */
  private readonly roots: Int32Array;
  private readonly leafStart: Int32Array;
  /** Of each node: where to go when below its threshold and when not, and its feature. */
  private readonly nodes: Int32Array;
  private readonly thresholds: Float64Array;
  private readonly leaves: Float64Array;
  /** Of each feature three rectangles, x, y, width, height; the third may be empty. */
  private readonly rectangles: Int32Array;
  private readonly weights: Float64Array;

  constructor({ window, stages, features }: Cascade) {
    this.window = window;
    const trees = stages.flatMap((stage) => stage.trees);
    let first = 0;
    for (const stage of stages) {
      this.stages.push({ threshold: stage.threshold, first, end: first + stage.trees.length });
      first += stage.trees.length;
    }
    this.roots = new Int32Array(trees.length);
    this.leafStart = new Int32Array(trees.length);
    const nodes: number[] = [];
    const thresholds: number[] = [];
    const leaves: number[] = [];
    trees.forEach(([flat, values], tree) => {
      this.roots[tree] = thresholds.length;
      this.leafStart[tree] = leaves.length;
      for (let at = 0; at < flat.length; at += 4) {
        nodes.push(flat[at]!, flat[at + 1]!, flat[at + 2]!);
        thresholds.push(flat[at + 3]!);
      }
      leaves.push(...values);
    });
    this.nodes = Int32Array.from(nodes);
    this.thresholds = Float64Array.from(thresholds);
    this.leaves = Float64Array.from(leaves);
    this.rectangles = new Int32Array(features.length * 12);
    this.weights = new Float64Array(features.length * 3);
    features.forEach((feature, at) => {
      for (let i = 0; i * 5 < feature.length; i++) {
        for (let side = 0; side < 4; side++) this.rectangles[at * 12 + i * 4 + side] = feature[i * 5 + side]!;
        this.weights[at * 3 + i] = feature[i * 5 + 4]!;
      }
    });
  }

  /** The faces in a picture or the present frame of a video, the largest first. */
  find(source: CanvasImageSource, width: number, height: number): Box[] {
    const factor = LOOKED_AT / Math.max(width, height);
    const small = grey(drawn(source, 0, 0, width, height, Math.round(width * factor), Math.round(height * factor)));
    return this.within(small)
      .map((found) => {
        const side = found.width / factor;
        return {
          left: (found.x + found.width / 2) / factor - side / 2,
          top: (found.y + found.height / 2) / factor - side / 2,
          side,
        };
      })
      .sort((a, b) => b.side - a.side);
  }

  /** Rectangles around faces in grey pixels. */
  within(frame: Pixels): Rectangle[] {
    const { window } = this;
    const found: Rectangle[] = [];
    for (let factor = 1; ; factor *= STEP) {
      const side = Math.round(window * factor);
      const width = Math.round(frame.width / factor);
      const height = Math.round(frame.height / factor);
      if (width < window || height < window) break;
      if (side < LEAST) continue;
      const image = new Integral(frame, width, height);
      const corners = this.corners(image.row);
      const step = factor >= 2 ? 1 : 2;
      for (let y = 0; y <= height - window; y += step) {
        for (let x = 0; x <= width - window; x += step) {
          const passed = this.passed(image, corners, x, y);
          if (passed === this.stages.length) {
            found.push({ x: Math.round(x * factor), y: Math.round(y * factor), width: side, height: side });
          } else if (passed === 0) {
            x += step; // nothing like a face here, nor beside it: OpenCV skips that, too
          }
        }
      }
    }
    return grouped(found);
  }

  /** Of every rectangle its four corners in sums with rows of that length, seen from the window's first pixel. */
  private corners(row: number): Int32Array {
    const { rectangles } = this;
    const corners = new Int32Array(rectangles.length);
    for (let at = 0; at < corners.length; at += 4) {
      const from = rectangles[at + 1]! * row + rectangles[at]!;
      const down = rectangles[at + 3]! * row;
      corners[at] = from;
      corners[at + 1] = from + rectangles[at + 2]!;
      corners[at + 2] = from + down;
      corners[at + 3] = from + down + rectangles[at + 2]!;
    }
    return corners;
  }

  /** How many stages a window passes; all of them if it holds a face. */
  private passed(image: Integral, corners: Int32Array, x: number, y: number): number {
    const { stages, roots, leafStart, nodes, thresholds, leaves, weights } = this;
    const { sums } = image;
    const norm = image.norm(x, y, this.window);
    const origin = y * image.row + x;
    for (let stage = 0; stage < stages.length; stage++) {
      const { threshold, first, end } = stages[stage]!;
      let sum = 0;
      for (let tree = first; tree < end; tree++) {
        const root = roots[tree]!;
        let at = 0;
        do {
          const node = root + at;
          const feature = nodes[node * 3 + 2]!;
          let value = 0;
          for (let i = 0; i < 3; i++) {
            const weight = weights[feature * 3 + i]!;
            if (weight === 0) break;
            const corner = feature * 12 + i * 4;
            value +=
              weight *
              (sums[origin + corners[corner]!]! -
                sums[origin + corners[corner + 1]!]! -
                sums[origin + corners[corner + 2]!]! +
                sums[origin + corners[corner + 3]!]!);
          }
          at = nodes[node * 3 + (value * norm < thresholds[node]! ? 0 : 1)]!;
        } while (at > 0);
        sum += leaves[leafStart[tree]! - at]!;
      }
      if (sum < threshold) return stage;
    }
    return stages.length;
  }
}

/** Sums of all pixels above and to the left, so that any rectangle's sum takes four reads. */
class Integral {
  readonly sums: Int32Array;
  private readonly squares: Float64Array;
  readonly row: number;

  /** Of the frame at that size, by lines between its pixels. */
  constructor(frame: Pixels, width: number, height: number) {
    this.row = width + 1;
    this.sums = new Int32Array(this.row * (height + 1));
    this.squares = new Float64Array(this.row * (height + 1));
    const across = frame.width / width;
    const down = frame.height / height;
    for (let y = 0; y < height; y++) {
      const fy = Math.min(Math.max((y + 0.5) * down - 0.5, 0), frame.height - 1);
      const y0 = Math.floor(fy);
      const upper = y0 * frame.width;
      const lower = Math.min(y0 + 1, frame.height - 1) * frame.width;
      let sum = 0;
      let square = 0;
      for (let x = 0; x < width; x++) {
        const fx = Math.min(Math.max((x + 0.5) * across - 0.5, 0), frame.width - 1);
        const x0 = Math.floor(fx);
        const x1 = Math.min(x0 + 1, frame.width - 1);
        const top = frame.data[upper + x0]! * (1 - fx + x0) + frame.data[upper + x1]! * (fx - x0);
        const bottom = frame.data[lower + x0]! * (1 - fx + x0) + frame.data[lower + x1]! * (fx - x0);
        const value = Math.round(top * (1 - fy + y0) + bottom * (fy - y0));
        sum += value;
        square += value * value;
        const at = (y + 1) * this.row + x + 1;
        this.sums[at] = this.sums[at - this.row]! + sum;
        this.squares[at] = this.squares[at - this.row]! + square;
      }
    }
  }

  /** One over the deviation of a window's pixels, times their number: features do not depend on the light. */
  norm(x: number, y: number, window: number): number {
    const side = window - 2; // OpenCV leaves a border of one pixel out
    const from = (y + 1) * this.row + x + 1;
    const to = from + side * this.row;
    const sum = this.sums[from]! - this.sums[from + side]! - this.sums[to]! + this.sums[to + side]!;
    const squares = this.squares[from]! - this.squares[from + side]! - this.squares[to]! + this.squares[to + side]!;
    const spread = side * side * squares - sum * sum;
    return spread > 0 ? 1 / Math.sqrt(spread) : 1;
  }
}

function alike(a: Rectangle, b: Rectangle): boolean {
  const slack = (ALIKE * (Math.min(a.width, b.width) + Math.min(a.height, b.height))) / 2;
  return (
    Math.abs(a.x - b.x) <= slack &&
    Math.abs(a.y - b.y) <= slack &&
    Math.abs(a.x + a.width - b.x - b.width) <= slack &&
    Math.abs(a.y + a.height - b.y - b.height) <= slack
  );
}

/** One rectangle for each face that was found more often than `NEIGHBOURS` times; as OpenCV's `groupRectangles`. */
export function grouped(found: readonly Rectangle[]): Rectangle[] {
  const group = found.map((_, i) => i);
  const root = (i: number): number => (group[i] === i ? i : (group[i] = root(group[i]!)));
  for (let i = 0; i < found.length; i++) {
    for (let j = 0; j < i; j++) if (alike(found[i]!, found[j]!)) group[root(i)] = root(j);
  }
  const sums = new Map<number, Rectangle & { count: number }>();
  found.forEach((one, i) => {
    const sum = sums.get(root(i)) ?? { x: 0, y: 0, width: 0, height: 0, count: 0 };
    sum.x += one.x;
    sum.y += one.y;
    sum.width += one.width;
    sum.height += one.height;
    sum.count += 1;
    sums.set(root(i), sum);
  });
  const means = [...sums.values()]
    .filter(({ count }) => count > NEIGHBOURS)
    .map(({ x, y, width, height, count }) => ({
      x: Math.round(x / count),
      y: Math.round(y / count),
      width: Math.round(width / count),
      height: Math.round(height / count),
      count,
    }));
  // A small one inside a larger is a part of that face, unless it was found much more often.
  return means.filter(
    (one, i) =>
      !means.some((other, j) => {
        if (i === j) return false;
        const across = Math.round(other.width * ALIKE);
        const down = Math.round(other.height * ALIKE);
        return (
          one.x >= other.x - across &&
          one.y >= other.y - down &&
          one.x + one.width <= other.x + other.width + across &&
          one.y + one.height <= other.y + other.height + down &&
          (other.count > Math.max(3, one.count) || one.count < 3)
        );
      }),
  );
}

/** What the box and its margin hold, drawn at that size; beyond the frame its edge goes on. */
export function cutOut(source: CanvasImageSource, width: number, height: number, box: Box, size: number): OffscreenCanvas {
  const more = box.side * MARGIN;
  const [left, top, side] = [box.left - more, box.top - more, box.side + 2 * more];
  const canvas = new OffscreenCanvas(size, size);
  const context = canvas.getContext("2d");
  if (!context) throw new Error("This browser draws nothing.");
  context.imageSmoothingQuality = "high";
  const scale = size / side;
  // The edge goes on: first the whole frame's border pixels, stretched outwards, then the frame over them.
  context.drawImage(source, 0, 0, 1, height, 0, -top * scale, Math.max(0, -left * scale) + 1, height * scale);
  const right = (width - left) * scale;
  if (right < size) context.drawImage(source, width - 1, 0, 1, height, right - 1, -top * scale, size - right + 1, height * scale);
  if (top < 0) context.drawImage(source, 0, 0, width, 1, -left * scale, 0, width * scale, -top * scale + 1);
  const bottom = (height - top) * scale;
  if (bottom < size) context.drawImage(source, 0, height - 1, width, 1, -left * scale, bottom - 1, width * scale, size - bottom + 1);
  context.drawImage(source, 0, 0, width, height, -left * scale, -top * scale, width * scale, height * scale);
  return canvas;
}

let finder: Promise<FaceFinder> | undefined;

/** The detector, fetched when it is first wanted. */
export function faceFinder(): Promise<FaceFinder> {
  finder ??= import("./frontal-face.json").then(({ default: cascade }) => new FaceFinder(cascade as unknown as Cascade));
  finder.catch(() => (finder = undefined));
  return finder;
}
