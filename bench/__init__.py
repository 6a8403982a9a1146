"""One script a promise: ours beside its floor and its peer, taking turns in one run.

    python -m bench [--quick] [NAMES…]      all, or those named; `make bench`
    python -m bench.peers                   beside other servers, each in an environment of its own

`rounds.py` takes turns and does the arithmetic, `contenders.py` starts what is measured, `load.py` is the
client, `report.py` writes `bench/results.json` and `docs/benchmarks.md`.
"""
