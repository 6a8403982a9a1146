"""What hangs and stands at the clothes stall."""

from feria.drawings import bottoms, coats, dresses, footwear, hats, outwear, shirts, skirts, tops, trainers
from feria.drawings.kind import Kind
from feria.drawings.look import Cut, Noun

JEANS = Noun("vaqueros", "jeans", plural=True)


DENIMS = ("navy", "blue", "light blue", "grey", "black")


LEATHERS = ("black", "brown", "camel", "burgundy", "beige", "navy", "olive", "grey", "cream")


GARMENTS = {
    "t-shirt": Kind(
        "t-shirt",
        Noun("camiseta", "T-shirt", feminine=True),
        tops.tshirt,
        patterns=("plain", "plain", "plain", "stripes", "dots", "blocks", "floral"),
        cuts=(
            Cut("", "", "crew"),
            Cut("", "", "crew"),
            Cut("de pico", "V-neck", "v-neck"),
            Cut("entallada", "fitted", "fitted"),
        ),
    ),
    "longsleeve": Kind(
        "longsleeve",
        Noun("jersey", "jumper"),
        tops.longsleeve,
        patterns=("plain", "plain", "stripes", "stripes", "knit", "knit", "dots", "blocks"),
        cuts=(
            Cut("", "", "crew"),
            Cut("", "", "crew"),
            Cut("de pico", "V-neck", "v-neck"),
            Cut("de cuello alto", "turtleneck", "turtleneck"),
        ),
    ),
    "shirt": Kind(
        "shirt",
        Noun("camisa", "shirt", feminine=True),
        shirts.shirt,
        patterns=("plain", "plain", "pinstripes", "checks", "checks", "dots", "floral"),
        cuts=(
            Cut("", "", "long"),
            Cut("", "", "long"),
            Cut("de manga corta", "short-sleeved", "short-sleeved"),
        ),
    ),
    "dress": Kind(
        "dress",
        Noun("vestido", "dress"),
        dresses.dress,
        patterns=("plain", "plain", "dots", "dots", "floral", "floral", "stripes", "checks"),
        cuts=(
            Cut("de tirantes", "strappy", "straps"),
            Cut("largo", "long", "long"),
            Cut("de manga larga", "long-sleeved", "sleeves"),
            Cut("", "", "short"),
            Cut("recto", "shift", "shift"),
        ),
    ),
    "skirt": Kind(
        "skirt",
        Noun("falda", "skirt", feminine=True),
        skirts.skirt,
        patterns=("plain", "plain", "dots", "floral", "checks"),
        cuts=(
            Cut("plisada", "pleated", "pleated", patterns=("plain", "plain", "checks")),
            Cut("evasé", "A-line", "a-line"),
            Cut("de tubo", "pencil", "pencil"),
            Cut("larga", "long", "long"),
            Cut(
                "",
                "",
                "denim",
                Noun("falda vaquera", "denim skirt", feminine=True),
                hues=DENIMS,
                patterns=("denim",),
            ),
        ),
    ),
    "pants": Kind(
        "pants",
        Noun("pantalón", "trousers"),
        bottoms.pants,
        hues=(
            "black",
            "navy",
            "grey",
            "beige",
            "camel",
            "olive",
            "brown",
            "burgundy",
            "green",
            "cream",
            "blue",
        ),
        patterns=("plain", "plain", "plain", "checks", "pinstripes"),
        cuts=(
            Cut("chino", "chino", "chino", patterns=("plain",)),
            Cut("ancho", "wide-leg", "wide"),
            Cut("deportivo", "jogging", "jogger", patterns=("plain",)),
            Cut("pitillo", "slim", "slim"),
        ),
    ),
    "jeans": Kind(
        "pants",
        JEANS,
        bottoms.pants,
        hues=DENIMS,
        patterns=("denim",),
        cuts=(Cut("", "", "jeans"), Cut("pitillo", "slim", "slim"), Cut("anchos", "wide-leg", "wide")),
    ),
    "shorts": Kind(
        "shorts",
        Noun("pantalón corto", "shorts"),
        bottoms.shorts,
        patterns=("plain", "plain", "checks", "stripes", "floral"),
        cuts=(
            Cut("deportivo", "sports", "sport", patterns=("plain",)),
            Cut("", "", "chino"),
            Cut(
                "",
                "",
                "denim",
                Noun("pantalón corto vaquero", "denim shorts"),
                hues=DENIMS,
                patterns=("denim",),
            ),
        ),
    ),
    "jacket": Kind(
        "outwear",
        Noun("cazadora", "jacket", feminine=True),
        outwear.jacket,
        cuts=(
            Cut("bomber", "bomber", "bomber"),
            Cut("acolchada", "quilted", "puffer"),
            Cut("con capucha", "hooded", "hooded"),
            Cut(
                "",
                "",
                "denim",
                Noun("cazadora vaquera", "denim jacket", feminine=True),
                hues=DENIMS,
                patterns=("denim",),
            ),
        ),
    ),
    "coat": Kind(
        "outwear",
        Noun("abrigo", "coat"),
        coats.coat,
        hues=("camel", "beige", "black", "navy", "grey", "burgundy", "olive", "red", "cream", "terracotta"),
        patterns=("plain", "plain", "plain", "checks"),
        cuts=(Cut("cruzado", "double-breasted", "double"), Cut("con cinturón", "belted", "belted")),
    ),
    "cardigan": Kind(
        "outwear",
        Noun("rebeca", "cardigan", feminine=True),
        coats.cardigan,
        patterns=("knit", "knit", "plain", "stripes"),
    ),
    "trainers": Kind(
        "shoes",
        Noun("zapatillas", "trainers", feminine=True, plural=True),
        trainers.trainers,
        "worn",
        foot=0.95,
        cuts=(Cut("", "", "low"), Cut("", "", "low"), Cut("de bota", "high-top", "high-top")),
    ),
    "boots": Kind(
        "shoes",
        Noun("botas", "boots", feminine=True, plural=True),
        footwear.boots,
        "worn",
        foot=0.9,
        hues=LEATHERS,
        cuts=(
            Cut("altas", "tall", "tall"),
            Cut("chelsea", "Chelsea", "chelsea"),
            Cut("de cordones", "lace-up", "laced"),
        ),
    ),
    "ballerinas": Kind(
        "shoes",
        Noun("bailarinas", "ballet flats", feminine=True, plural=True),
        footwear.ballerinas,
        "worn",
        foot=0.9,
        patterns=("plain", "plain", "dots"),
    ),
    "sandals": Kind(
        "shoes",
        Noun("sandalias", "sandals", feminine=True, plural=True),
        footwear.sandals,
        "worn",
        foot=0.92,
        cuts=(Cut("planas", "flat", "flat"), Cut("de cuña", "wedge", "wedge")),
    ),
    "heels": Kind(
        "shoes",
        Noun("zapatos", "shoes", plural=True),
        footwear.heels,
        "worn",
        foot=0.9,
        cuts=(Cut("de tacón", "high-heeled", "heel"),),
    ),
    "cap": Kind(
        "hat",
        Noun("gorra", "cap", feminine=True),
        hats.cap,
        "worn",
        patterns=("plain", "plain", "blocks", "checks"),
        foot=0.75,
    ),
    "sun-hat": Kind(
        "hat",
        Noun("sombrero de paja", "straw hat"),
        hats.sun_hat,
        "worn",
        hues=("cream", "beige", "camel", "white", "mustard"),
        accents=("navy", "black", "red", "burgundy", "green", "terracotta", "turquoise", "brown"),
        foot=0.95,
    ),
    "bucket-hat": Kind(
        "hat",
        Noun("gorro de pescador", "bucket hat"),
        hats.bucket_hat,
        "worn",
        patterns=("plain", "plain", "dots", "checks", "floral", "stripes"),
        foot=0.95,
    ),
    "beanie": Kind(
        "hat",
        Noun("gorro de lana", "beanie"),
        hats.beanie,
        "worn",
        patterns=("plain", "knit", "stripes"),
        foot=0.85,
    ),
}
