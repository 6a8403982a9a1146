import { words } from "../../words/words.svelte";

const es = {
  search: "Buscar en la feria",
  hint: "Busca con palabras o con una foto",
  title: "La feria",
};

const en: typeof es = {
  search: "Search the fair",
  hint: "Search with words or a photo",
  title: "The fair",
};

export const catalogue = { es, en };
export const say = words(es, en);
