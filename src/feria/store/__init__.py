"""A store's side of a federation, on a machine of its own: its rows, its key, and what it consents to."""
