"""`python -m feria`: the command, where its script is not on the path."""

from feria.cli import main

main()
