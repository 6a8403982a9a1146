"""The fair's categories, in the order they are walked past."""

from collections.abc import Iterator

from feria.catalog.wire import Category, Words

_STALLS = (
    ("clothing", "Ropa", "Clothing"),
    ("clothing/t-shirts", "Camisetas", "T-shirts"),
    ("clothing/shirts", "Camisas", "Shirts"),
    ("clothing/jumpers", "Jerséis", "Jumpers"),
    ("clothing/dresses", "Vestidos", "Dresses"),
    ("clothing/skirts", "Faldas", "Skirts"),
    ("clothing/trousers", "Pantalones y vaqueros", "Trousers and jeans"),
    ("clothing/shorts", "Pantalones cortos", "Shorts"),
    ("clothing/outerwear", "Chaquetas y abrigos", "Jackets and coats"),
    ("footwear", "Calzado", "Footwear"),
    ("footwear/trainers", "Zapatillas", "Trainers"),
    ("footwear/boots", "Botas", "Boots"),
    ("footwear/sandals", "Sandalias", "Sandals"),
    ("footwear/shoes", "Zapatos y bailarinas", "Shoes and ballet flats"),
    ("hats", "Gorras y sombreros", "Caps and hats"),
    ("groceries", "Mercado", "Groceries"),
    ("groceries/fruit", "Fruta", "Fruit"),
    ("groceries/vegetables", "Verdura", "Vegetables"),
    ("groceries/dairy-and-juice", "Lácteos y zumos", "Dairy and juice"),
    ("home", "Casa", "Home"),
    ("home/tableware", "Vajilla", "Tableware"),
    ("home/jugs-and-teapots", "Jarras, teteras y botijos", "Jugs, teapots and botijos"),
    ("home/kitchen", "Cazuelas y aceiteras", "Casseroles and oil jugs"),
    ("home/vases-and-pots", "Jarrones y macetas", "Vases and flowerpots"),
)


def categories() -> Iterator[Category]:
    """Parents before their children."""
    for position, (path, es, en) in enumerate(_STALLS):
        yield Category(path=path, title=Words(es=es, en=en), position=position)
