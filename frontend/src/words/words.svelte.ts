/**
 * What the app says, in Spanish and English. Both are originals: each page has a `words.ts` beside it with one
 * catalogue for each language, of the same shape, so that a sentence missing in one is an error of types.
 */

export const LANGUAGES = ["es", "en"] as const;
export type Language = (typeof LANGUAGES)[number];

/** A sentence, or a function that makes one of what it is told. */
export type Sentence = string | ((...told: never[]) => string);
export type Catalogue = Record<string, Sentence>;
type SameShape<T extends Catalogue> = {
  [Key in keyof T]: T[Key] extends (...told: infer Told) => string ? (...told: Told) => string : string;
};

const KEPT = "language";

/** Their last choice in this browser, else what the browser prefers; Spanish where it prefers neither. */
function preferred(): Language {
  const kept = localStorage.getItem(KEPT);
  if (kept === "es" || kept === "en") return kept;
  for (const tag of navigator.languages) {
    if (tag.startsWith("es")) return "es";
    if (tag.startsWith("en")) return "en";
  }
  return "es";
}

let current = $state<Language>(preferred());

export const language = {
  /** The language spoken now; templates that read it follow it. */
  get current(): Language {
    return current;
  },
  choose(chosen: Language): void {
    current = chosen;
    localStorage.setItem(KEPT, chosen);
    document.documentElement.lang = chosen;
  },
  /** For `Intl`: `en` alone would write dates as the United States do. */
  get locale(): string {
    return current === "es" ? "es-ES" : "en-GB";
  },
};

/** The sentences of one page: `say.title`, `say.found(38)`, each in the language spoken when it is read. */
export function words<T extends Catalogue>(es: T, en: SameShape<T>): Readonly<SameShape<T>> {
  const catalogues = { es: es as unknown as SameShape<T>, en };
  const said = {} as SameShape<T>;
  for (const key of Object.keys(es) as (keyof T)[]) {
    Object.defineProperty(said, key, { enumerable: true, get: () => catalogues[current][key] });
  }
  return said;
}
