/**
 * Where the visitor is, and how to go elsewhere. The address is the state: what a page shows can be linked to,
 * kept and shared, and the browser's own buttons go back and forth in it.
 */

let path = $state(location.pathname);
let query = $state.raw(new URLSearchParams(location.search));

export const here = {
  get path(): string {
    return path;
  },
  get query(): URLSearchParams {
    return query;
  },
  /** Path and query, to come back to. */
  get address(): string {
    const words = query.toString();
    return words ? `${path}?${words}` : path;
  },
};

function read(): void {
  path = location.pathname;
  query = new URLSearchParams(location.search);
}

/** Go to an address of this app. `replace` leaves no step to go back to: for what is still being typed. */
export function go(address: string, { replace = false } = {}): void {
  if (address === location.pathname + location.search) return;
  const other = new URL(address, location.origin).pathname !== location.pathname;
  history[replace ? "replaceState" : "pushState"](null, "", address);
  read();
  if (other && !replace) scrollTo(0, 0);
}

/** The same page with other words in its query; null takes one away. */
export function within(changes: Record<string, string | string[] | null>, base = query): string {
  const next = new URLSearchParams(base);
  for (const [name, value] of Object.entries(changes)) {
    next.delete(name);
    for (const one of value === null ? [] : [value].flat()) next.append(name, one);
  }
  const words = next.toString();
  return words ? `${path}?${words}` : path;
}

/** Follow links within the app without loading it anew. Returns how to stop. */
export function follow(): () => void {
  const click = (event: MouseEvent) => {
    if (event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = (event.target as Element | null)?.closest?.("a");
    if (!link || link.target || link.hasAttribute("download") || link.origin !== location.origin) return;
    if (link.hash && link.pathname === location.pathname) return;
    if (!isOurs(link.pathname)) return;
    event.preventDefault();
    go(link.pathname + link.search);
  };
  document.addEventListener("click", click);
  addEventListener("popstate", read);
  return () => {
    document.removeEventListener("click", click);
    removeEventListener("popstate", read);
  };
}

/** The node answers these itself. */
const THE_NODES = /^\/(v1|api|metrics|livez|readyz|openapi\.json|socket\.io|mensaje|health|tracking)(\/|$)/;

export function isOurs(path: string): boolean {
  return !THE_NODES.test(path);
}

/** The values of `:names` in a pattern like `/shop/:sku`, or null where the path is another. */
export function match(pattern: string, path: string): Record<string, string> | null {
  const wanted = pattern.split("/");
  const given = path.replace(/(.)\/$/, "$1").split("/");
  if (wanted.length !== given.length) return null;
  const found: Record<string, string> = {};
  for (const [i, part] of wanted.entries()) {
    const said = given[i] ?? "";
    if (part.startsWith(":")) {
      if (!said) return null;
      try {
        found[part.slice(1)] = decodeURIComponent(said);
      } catch {
        return null; // a stray % in an address that somebody typed
      }
    } else if (part !== said) return null;
  }
  return found;
}
