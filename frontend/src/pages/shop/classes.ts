/** What the network that comes with feria calls things, in both languages. Other networks' words are shown as they are. */

import { language } from "../../words/words.svelte";

const IN_SPANISH: Record<string, string> = {
  dress: "vestido", hat: "sombrero", longsleeve: "jersey", outwear: "abrigo", pants: "pantalón", shirt: "camisa",
  shoes: "zapatos", shorts: "pantalón corto", skirt: "falda", "t-shirt": "camiseta", apple: "manzana",
  asparagus: "espárragos", aubergine: "berenjena", avocado: "aguacate", banana: "plátano", cabbage: "col",
  carrots: "zanahorias", cucumber: "pepino", garlic: "ajo", ginger: "jengibre", juice: "zumo", kiwi: "kiwi",
  leek: "puerro", lemon: "limón", lime: "lima", mango: "mango", melon: "melón", milk: "leche", mushroom: "champiñón",
  nectarine: "nectarina", "oat-milk": "bebida de avena", oatghurt: "yogur de avena", onion: "cebolla",
  orange: "naranja", papaya: "papaya", "passion-fruit": "maracuyá", peach: "melocotón", pear: "pera",
  pepper: "pimiento", pineapple: "piña", plum: "ciruela", pomegranate: "granada", potato: "patata",
  "red-beet": "remolacha", "red-grapefruit": "pomelo", satsumas: "mandarinas", "sour-cream": "nata agria",
  "sour-milk": "leche agria", "soy-milk": "bebida de soja", soyghurt: "yogur de soja", tomato: "tomate",
  yoghurt: "yogur", zucchini: "calabacín",
};
const IN_ENGLISH: Record<string, string> = { longsleeve: "jumper", outwear: "coat", pants: "trousers" };

/** A class as people call it, its first letter a capital. */
export function named(label: string | number): string {
  const text = String(label);
  const word = (language.current === "es" ? IN_SPANISH : IN_ENGLISH)[text] ?? text.replaceAll(/[-_]/g, " ");
  return word.charAt(0).toUpperCase() + word.slice(1);
}
