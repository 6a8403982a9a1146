"""A node that was told to stop, and still answers."""


class Draining:
    """Once it has `begun`, `/readyz` says so and answers ask their caller to connect anew, elsewhere."""

    begun = False
