"""`python -m bench [--quick] [NAMES…]`"""

import argparse
import importlib
import sys
import time

from rich.console import Console

from bench import report
from bench.processes import Failed
from bench.run import open_run

WIDE = 170
"""Columns where there is no terminal, so that no table is squeezed."""
SCRIPTS = (
    "row_predict",
    "image_predict",
    "single_row",
    "face_detect",
    "shipped_models",
    "start",
    "overload",
    "hot_swap",
    "emotions",
    "task_queue",
    "celery_tasks",
    "text_search",
    "picture_search",
    "catalog_import",
    "recommendations",
    "chat",
    "web_app",
    "kv",
    "kv_visible",
    "model_travel",
    "gossip_rounds",
    "failure_detection",
    "fed_round",
    "fed_tracking",
    "fed_accuracy",
    "superlink",
    "superlink_traffic",
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure the promises.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(SCRIPTS)}; all when left out")
    parser.add_argument("--quick", action="store_true", help="one short round each; writes nothing")
    chosen = parser.parse_args()
    if unknown := set(chosen.names) - set(SCRIPTS):
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(SCRIPTS)}")
    return measure([f"bench.{name}" for name in SCRIPTS if name in (chosen.names or SCRIPTS)], chosen.quick)


def measure(modules: list[str], quick: bool) -> int:
    """Run these scripts; returns how many of their promises were not kept, or could not be measured."""
    console = Console(highlight=False)
    console = console if console.is_terminal else Console(highlight=False, width=WIDE)
    if not sys.platform.startswith("linux"):
        console.print("The benchmarks read processor times from /proc, so they need Linux.")
        return 1
    broken = 0
    for module in modules:
        began = time.monotonic()
        try:
            with open_run(quick, console) as run:
                outcome = importlib.import_module(module).run(run)
        except Failed as error:
            console.print(f"[red]{module}:[/red] {error}")
            broken += 1
            continue
        for grid in outcome.grids:
            console.print(grid.rich())
        for note in outcome.notes:
            console.print(f"  {note}")
        for promise in outcome.promises:
            met = "[green]kept[/green]" if promise.met else "[yellow]not kept[/yellow]"
            target = f"target {promise.target}"
            said = f"{report.number(promise.value)} ({target})"
            beside = f"beside {promise.against}: {said}" if promise.is_ratio else f"{promise.ours} ({target})"
            console.print(f"  {promise.id} {beside}, {met}")
        console.print(f"  {module}, {time.monotonic() - began:.0f} s\n", style="dim")
        if not quick:
            report.write(outcome)
    return broken


if __name__ == "__main__":
    sys.exit(main())
