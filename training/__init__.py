"""How the networks that come with feria are made and judged; never a part of the product."""
