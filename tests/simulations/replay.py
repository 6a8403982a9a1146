"""`PYTHONPATH=tests python -m simulations.replay SEED [--mutant NAME]`: a history again, step by step."""

import argparse

from simulations import schedule
from simulations.mutants import MUTANTS
from simulations.world import Violation


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m simulations.replay")
    parser.add_argument("seed", type=int)
    parser.add_argument("--mutant", choices=sorted(MUTANTS))
    asked = parser.parse_args()
    try:
        schedule.run(
            asked.seed, MUTANTS.get(asked.mutant), trace=lambda line: print(line) if line.strip() else None
        )
    except Violation as violation:
        print(violation)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
