"""Finding products: by words, by pictures, by both."""
