/** Numbers, money, dates and sizes as the language spoken writes them. */

import { language } from "./words.svelte";

const made = new Map<string, Intl.NumberFormat | Intl.DateTimeFormat | Intl.RelativeTimeFormat>();

/** Making a formatter takes as long as formatting a thousand times. */
function kept<T extends Intl.NumberFormat | Intl.DateTimeFormat | Intl.RelativeTimeFormat>(
  kind: string,
  options: object,
  make: (locale: string) => T,
): T {
  const key = `${language.locale} ${kind} ${JSON.stringify(options)}`;
  const found = made.get(key);
  if (found) return found as T;
  const formatter = make(language.locale);
  made.set(key, formatter);
  return formatter;
}

function numbers(options: Intl.NumberFormatOptions): Intl.NumberFormat {
  return kept("number", options, (locale) => new Intl.NumberFormat(locale, options));
}

function dates(options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  return kept("date", options, (locale) => new Intl.DateTimeFormat(locale, options));
}

export const UNKNOWN = "–";

/** 18.240 in Spanish, 18,240 in English; `digits` after the point at most, or just as many if `exact`. */
export function number(value: number | null | undefined, digits = 0, exact = false): string {
  if (value == null || Number.isNaN(value)) return UNKNOWN;
  return numbers({
    maximumFractionDigits: digits,
    minimumFractionDigits: exact ? digits : 0,
    useGrouping: "always",
  }).format(value);
}

/** A fraction: 0.87 is 87 % in Spanish, 87% in English. */
export function percent(fraction: number | null | undefined, digits = 0): string {
  if (fraction == null || Number.isNaN(fraction)) return UNKNOWN;
  return numbers({ style: "percent", maximumFractionDigits: digits }).format(fraction);
}

/** 46 € and 22,50 €: cents only where there are any. */
export function money(amount: number, currency: string): string {
  const digits = Number.isInteger(amount) ? 0 : 2;
  return numbers({
    style: "currency",
    currency,
    currencyDisplay: "narrowSymbol",
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  }).format(amount);
}

/** 84 kB, 14,2 MB; decimal, as browsers and shops of disks count. */
export function bytes(count: number | null | undefined): string {
  if (count == null) return UNKNOWN;
  if (count < 1000) return `${number(count)} B`;
  for (const [size, unit] of [[1e9, "GB"], [1e6, "MB"]] as const) {
    if (count >= size) return `${number(count / size, 1)} ${unit}`;
  }
  return `${number(count / 1e3, count < 1e4 ? 1 : 0)} kB`;
}

/** A time that something took: 0,8 ms, 41 ms, 1,8 s. */
export function took(milliseconds: number | null | undefined): string {
  if (milliseconds == null) return UNKNOWN;
  if (milliseconds >= 1000) return `${number(milliseconds / 1000, 1)} s`;
  return `${number(milliseconds, milliseconds < 10 ? 1 : 0)} ms`;
}

/** 12 nov 2026. */
export function date(moment: string | Date): string {
  return dates({ day: "numeric", month: "short", year: "numeric" }).format(new Date(moment));
}

/** 18:42, or with seconds 18:42:07. */
export function time(moment: string | Date, seconds = false): string {
  return dates({ hour: "2-digit", minute: "2-digit", ...(seconds && { second: "2-digit" }) }).format(new Date(moment));
}

/** The time of today's moments, the date and time of others. */
export function moment(when: string | Date): string {
  const then = new Date(when);
  if (then.toDateString() === new Date().toDateString()) return time(then);
  return `${date(then)}, ${time(then)}`;
}

const STEPS = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
  ["second", 1],
] as const;

/** hace 3 min, 3 min ago; seen from `now`, in ms since 1970. */
export function ago(when: string | Date, now = Date.now()): string {
  const seconds = Math.round((new Date(when).getTime() - now) / 1000);
  const [unit, size] = STEPS.find(([, size]) => Math.abs(seconds) >= size) ?? ["second", 1];
  return kept("ago", {}, (locale) => new Intl.RelativeTimeFormat(locale, { numeric: "auto", style: "short" })).format(
    Math.round(seconds / size),
    unit,
  );
}
