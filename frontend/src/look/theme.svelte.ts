/** Light, dark, or as the system is. `tokens.css` does the rest. */

export const THEMES = ["system", "light", "dark"] as const;
export type Theme = (typeof THEMES)[number];

const KEPT = "theme";

function preferred(): Theme {
  const kept = localStorage.getItem(KEPT);
  return kept === "light" || kept === "dark" ? kept : "system";
}

let chosen = $state<Theme>(preferred());
const night = matchMedia("(prefers-color-scheme: dark)");
let systemIsDark = $state(night.matches);
night.addEventListener("change", () => (systemIsDark = night.matches));

function show(): void {
  if (chosen === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = chosen;
}

show();

export const theme = {
  get chosen(): Theme {
    return chosen;
  },
  /** What is seen: charts on canvas read it to be drawn anew. */
  get isDark(): boolean {
    return chosen === "system" ? systemIsDark : chosen === "dark";
  },
  choose(next: Theme): void {
    chosen = next;
    localStorage.setItem(KEPT, next);
    show();
  },
};
