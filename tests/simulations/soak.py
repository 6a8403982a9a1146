"""`PYTHONPATH=tests python -m simulations.soak --seeds 1000000 [--first 0] [--processes 2]`: many histories,
and of each that fails, how to see it again."""

import argparse
import os
import time
from multiprocessing import Pool

from simulations import schedule

TOGETHER = 50


def failures(seeds: range) -> list[tuple[int, str]]:
    found = []
    for seed in seeds:
        try:
            schedule.run(seed)
        except Exception as error:
            found.append((seed, f"{type(error).__name__}: {error}"))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m simulations.soak")
    parser.add_argument("--seeds", type=int, default=1_000_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    asked = parser.parse_args()
    last = asked.first + asked.seeds
    parts = [range(seed, min(seed + TOGETHER, last)) for seed in range(asked.first, last, TOGETHER)]
    began, failed = time.monotonic(), 0
    with Pool(asked.processes) as pool:
        for done, found in enumerate(pool.imap_unordered(failures, parts), start=1):
            failed += len(found)
            for seed, said in found:
                print(f"seed {seed}: {said[:300]}\n  {schedule.how_to_replay(seed)}", flush=True)
            if done % 100 == 0:
                pace = done * TOGETHER / (time.monotonic() - began)
                print(f"{done * TOGETHER:,} histories, {failed} failed, {pace:.0f} a second", flush=True)
    print(f"{asked.seeds:,} histories, {failed} failed, {time.monotonic() - began:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
