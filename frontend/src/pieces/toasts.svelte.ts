/** Short words over the page, for what can be undone or needs no answer. What failed is said where it failed. */

export interface Toast {
  id: number;
  text: string;
  undo?: () => void;
}

/** Milliseconds that one stays; longer where there is something to press. */
const STAYS = 4_000;
const STAYS_WITH_UNDO = 8_000;

let next = 0;
const shown = $state<Toast[]>([]);

export const toasts = {
  get all(): readonly Toast[] {
    return shown;
  },
  drop(id: number): void {
    const at = shown.findIndex((toast) => toast.id === id);
    if (at >= 0) shown.splice(at, 1);
  },
};

export function toast(text: string, undo?: () => void): void {
  const id = next++;
  shown.push(undo ? { id, text, undo } : { id, text });
  setTimeout(() => toasts.drop(id), undo ? STAYS_WITH_UNDO : STAYS);
}
