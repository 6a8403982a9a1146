"""`python -m bench.peers [--quick] [NAMES…]`"""

import argparse
import sys

from bench.__main__ import measure

SCRIPTS = ("pictures", "queues", "federations", "silos", "pages")


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench.peers", description="Measure beside other servers."
    )
    parser.add_argument("--quick", action="store_true", help="one short round each; writes nothing")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(SCRIPTS)}; all when left out")
    chosen = parser.parse_args()
    if unknown := set(chosen.names) - set(SCRIPTS):
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(SCRIPTS)}")
    names = [name for name in SCRIPTS if name in (chosen.names or SCRIPTS)]
    return measure([f"bench.peers.{name}" for name in names], chosen.quick)


if __name__ == "__main__":
    sys.exit(main())
