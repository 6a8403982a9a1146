/**
 * The part of Markdown that model cards are written in, as a tree that a template shows. Text stays text: nothing
 * of a card, which anybody may have written, becomes markup.
 */

export type Inline =
  | { kind: "text" | "bold" | "italic" | "code"; text: string }
  | { kind: "link"; text: string; href: string };

export type Block =
  | { kind: "heading"; level: number; inside: Inline[] }
  | { kind: "paragraph"; inside: Inline[] }
  | { kind: "list"; ordered: boolean; items: Inline[][] }
  | { kind: "code"; text: string }
  | { kind: "table"; head: Inline[][]; rows: Inline[][][] };

const INLINE = /`([^`]+)`|\*\*([^*]+)\*\*|\*([^*\s][^*]*)\*|\[([^\]]+)\]\(([^)\s]+)\)|(https?:\/\/[^\s)<>]+[^\s)<>.,;:])/g;

/** Only addresses that lead to a page: no `javascript:`, no `data:`. */
function safe(href: string): string | null {
  return /^(https?:\/\/|\/(?!\/))/.test(href) ? href : null;
}

export function inline(text: string): Inline[] {
  const found: Inline[] = [];
  let at = 0;
  for (const match of text.matchAll(INLINE)) {
    const [whole, code, bold, italic, label, href, bare] = match;
    if (match.index > at) found.push({ kind: "text", text: text.slice(at, match.index) });
    at = match.index + whole.length;
    const target = safe(href ?? bare ?? "");
    if (code !== undefined) found.push({ kind: "code", text: code });
    else if (bold !== undefined) found.push({ kind: "bold", text: bold });
    else if (italic !== undefined) found.push({ kind: "italic", text: italic });
    else if (target) found.push({ kind: "link", text: label ?? bare ?? target, href: target });
    else found.push({ kind: "text", text: label ?? whole });
  }
  if (at < text.length) found.push({ kind: "text", text: text.slice(at) });
  return found;
}

const cells = (line: string): Inline[][] =>
  line.trim().replace(/^\||\|$/g, "").split("|").map((cell) => inline(cell.trim()));

export function blocks(markdown: string): Block[] {
  const found: Block[] = [];
  const lines = markdown.replaceAll("\r\n", "\n").split("\n");
  for (let at = 0; at < lines.length; ) {
    const line = lines[at]!;
    if (!line.trim()) {
      at++;
    } else if (line.startsWith("```")) {
      const end = lines.findIndex((other, i) => i > at && other.startsWith("```"));
      const stop = end < 0 ? lines.length : end;
      found.push({ kind: "code", text: lines.slice(at + 1, stop).join("\n") });
      at = stop + 1;
    } else if (/^#{1,6} /.test(line)) {
      found.push({ kind: "heading", level: line.indexOf(" "), inside: inline(line.replace(/^#+ /, "")) });
      at++;
    } else if (line.trim().startsWith("|") && /^[\s|:-]+$/.test(lines[at + 1] ?? "x")) {
      let end = at + 2;
      while (lines[end]?.trim().startsWith("|")) end++;
      found.push({ kind: "table", head: cells(line), rows: lines.slice(at + 2, end).map(cells) });
      at = end;
    } else if (/^\s*([-*]|\d+\.) /.test(line)) {
      const ordered = /^\s*\d/.test(line);
      const items: string[] = [];
      for (; at < lines.length && lines[at]!.trim(); at++) {
        const item = /^\s*(?:[-*]|\d+\.) (.*)$/.exec(lines[at]!)?.[1];
        if (item !== undefined) items.push(item);
        else items[items.length - 1] += ` ${lines[at]!.trim()}`;
      }
      found.push({ kind: "list", ordered, items: items.map(inline) });
    } else {
      const start = at;
      while (lines[at]?.trim() && !/^(#{1,6} |```|\s*[-*] )/.test(lines[at]!)) at++;
      if (at === start) at++;
      found.push({ kind: "paragraph", inside: inline(lines.slice(start, at).map((one) => one.trim()).join(" ")) });
    }
  }
  return found;
}
