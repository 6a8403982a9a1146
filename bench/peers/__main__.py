"""`python -m bench.peers [--quick]`"""

import argparse
import sys

from bench.__main__ import measure


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench.peers", description="Measure beside other servers."
    )
    parser.add_argument("--quick", action="store_true", help="one short round each; writes nothing")
    return measure(["bench.peers.pictures"], parser.parse_args().quick)


if __name__ == "__main__":
    sys.exit(main())
