"""What a shop sells: products, categories and their pictures, as the database holds them."""
