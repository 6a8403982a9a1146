/** Round figures along an axis, and names at the ends of lines that do not cover one another. */

/** Some four or five round figures that hold all values. */
export function ticks(values: readonly number[], wanted = 4): number[] {
  if (!values.length) return [0, 1];
  let [low, high] = [Math.min(...values), Math.max(...values)];
  if (low === high) [low, high] = [low - Math.abs(low || 1) * 0.05, high + Math.abs(high || 1) * 0.05];
  const rough = (high - low) / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 2.5, 5, 10].find((one) => one * power >= rough) ?? 10);
  const first = Math.floor(low / step + 1e-9);
  const last = Math.ceil(high / step - 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

/** Places at least `gap` apart, each as near to where it wants to be as its neighbours allow; in the order given. */
export function apart(wanted: readonly number[], gap: number, low: number, high: number): number[] {
  const order = wanted.map((at, i) => ({ at, i })).sort((a, b) => a.at - b.at);
  let previous = low - gap;
  for (const one of order) previous = one.at = Math.max(one.at, previous + gap);
  let next = high + gap;
  for (const one of order.toReversed()) next = one.at = Math.min(one.at, next - gap);
  const places = new Array<number>(wanted.length);
  for (const { at, i } of order) places[i] = at;
  return places;
}

/** The ones to draw of many: those with the lowest and the highest values, and who was chosen. */
export function extremes<T>(all: readonly T[], value: (one: T) => number | null, each: number, chosen?: T): T[] {
  if (all.length <= 2 * each + 2) return [...all];
  const known = all.filter((one) => value(one) !== null).sort((a, b) => value(a)! - value(b)!);
  return [...new Set([...known.slice(0, each), ...known.slice(-each), ...(chosen ? [chosen] : [])])];
}
