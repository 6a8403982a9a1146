"""Other servers with the same model file and the same decoder, each in an environment of its own."""
