"""What runs in a store's programs: Flower's SuperNode, and the executor that answers in its place."""

import sys
from pathlib import Path

from feria.tasks.programs import end_with_parent

SUPERNODE, EXECUTOR = "flower-supernode", "store-executor"


def _be(name: str, *arguments: str) -> None:
    end_with_parent()
    if name == SUPERNODE:
        from feria.store.flower_node import be_supernode

        sys.argv = [name, *arguments]
        be_supernode()
    else:
        from feria.learning.sources import Limits
        from feria.store.executor import work

        folder, address, secret_file, rows, columns = arguments
        work(Path(folder), address, Path(secret_file), Limits(int(rows), int(columns)))


if __name__ == "__main__":
    _be(*sys.argv[1:])
