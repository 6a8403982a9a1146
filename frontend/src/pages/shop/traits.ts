/**
 * The words of the demo fair's attributes in Spanish: a product's attributes are the shop's own, in the language it
 * wrote them in, and the fair wrote them in English. What is not here is shown as it is.
 */

import { language } from "../../words/words.svelte";

const NAMES: Record<string, string> = {
  capacity_ml: "capacidad (ml)", colour: "color", diameter_cm: "diámetro (cm)", heel_cm: "tacón (cm)", material: "material",
  organic: "ecológico", pattern: "dibujo", sizes: "tallas", unit: "unidad",
};

const VALUES: Record<string, string> = {
  beige: "beis", black: "negro", blue: "azul", brown: "marrón", burgundy: "burdeos", camel: "camel", cream: "crema",
  fuchsia: "fucsia", golden: "dorado", green: "verde", grey: "gris", "light blue": "celeste", lilac: "lila", mint: "menta",
  mustard: "mostaza", "navy blue": "azul marino", olive: "verde oliva", orange: "naranja", pink: "rosa", red: "rojo",
  terracotta: "terracota", turquoise: "turquesa", white: "blanco", yellow: "amarillo", purple: "morado", canvas: "lona",
  china: "porcelana", cotton: "algodón", denim: "vaquero", earthenware: "barro", lambswool: "lana de cordero",
  leather: "piel", linen: "lino", "merino wool": "lana merina", "organic cotton": "algodón ecológico",
  "recycled polyester": "poliéster reciclado", stoneware: "gres", suede: "ante", viscose: "viscosa",
  "waxed cotton": "algodón encerado", wool: "lana", checked: "cuadros", floral: "flores", knitted: "punto",
  pinstriped: "raya diplomática", "polka-dot": "lunares", striped: "rayas", "two-tone": "dos colores", bunch: "manojo",
  each: "pieza", "one size": "talla única",
};

/** An attribute's name as people read it: `capacity_ml` is capacity (ml). */
export function traitName(name: string): string {
  const known = language.current === "es" ? NAMES[name] : undefined;
  return known ?? name.replace(/_(ml|cm|g|kg|mm|l)$/, " ($1)").replaceAll("_", " ");
}

export function traitValue(value: string): string {
  return (language.current === "es" ? VALUES[value] : undefined) ?? value;
}
