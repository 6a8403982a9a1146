"""The kinds of model one can train, on one node and together, and the strategies, from where they are
defined."""

import json
from collections.abc import Iterator
from typing import Any

from feria.federation.models import FEDERATED, FederatedKind
from feria.federation.strategies import STRATEGIES, StrategyKind
from feria.learning.kinds import KINDS, Chosen, Kind
from written import limits, row, table

SOURCE = "`feria.learning.kinds`, `feria.federation.models` and `feria.federation.strategies`"
INTRODUCTION = """# Kinds of model

What `feria train KIND` and the member `kind` of a training order can be, and what may be set on each:
`--set max_depth=6` on the command line, `{"settings": {"max_depth": 6}}` over HTTP. The settings have
scikit-learn's names. What is left out is chosen by feria.

[Federated kinds](#federated-kinds) have settings of their own, and so have the [strategies](#strategies)
by which clients' models become one.
"""
FEDERATED_KINDS = """## Federated kinds

What `feria jobs start KIND` and the member `kind` of a job's order can be. `--set steps=5`, or
`{"settings": {"steps": 5}}` over HTTP, sets what is listed here and no other: a federated fit is a short
one, of each client in each round.
"""
BY_STRATEGY = """## Strategies

How the clients' models become one: `--strategy krum` for `feria jobs start`, `{"strategy": "krum"}` over
HTTP. What is listed here is set with `--set-strategy num_malicious_nodes=2`, or with
`{"strategy_settings": {"num_malicious_nodes": 2}}`. They are Flower's, and so are the names of the settings.
"""


def page() -> str:
    lines = [INTRODUCTION]
    for kind in KINDS.values():
        lines += _kind(kind)
    lines.append(FEDERATED_KINDS)
    for federated in FEDERATED.values():
        lines += _federated(federated)
    lines.append(BY_STRATEGY)
    for strategy in STRATEGIES.values():
        lines += _strategy(strategy)
    return "\n".join(lines)


def _kind(kind: Kind) -> Iterator[str]:
    yield from (f"## {kind.name}", "", f"{kind.explains} For {' and '.join(kind.tasks)}.", "")
    if kind.max_rows:
        yield from (f"Takes at most {kind.max_rows:,} rows.", "")
    yield from _settings(kind.settings, "as in scikit-learn")


def _federated(kind: FederatedKind) -> Iterator[str]:
    yield from (f"### Federated {kind.name}", "")
    enough = f"{kind.rounds} rounds are enough for most tables."
    yield from (f"{kind.explains} For {' and '.join(kind.tasks)}; {enough}", "")
    yield from _settings(kind.settings, unset="none")


def _strategy(strategy: StrategyKind) -> Iterator[str]:
    yield from (f"### {strategy.name}", "")
    least = strategy.least(strategy.settings())
    wants = f" Wants the answers of {least} clients, as it is set by default." if least > 1 else ""
    kinds = ", ".join(kind.name for kind in FEDERATED.values() if kind.trees == strategy.trees)
    yield from (f"{strategy.explains}{wants} For {kinds}.", "")
    yield from _settings(strategy.settings)


def _settings(settings: type[Chosen], otherwise: str = "", unset: str = "left to feria") -> Iterator[str]:
    """`otherwise` is the meaning of what is not described."""
    if not settings.model_fields:
        yield from ("Nothing to set.", "")
        return
    yield from table("setting", "default", "meaning")
    for name, field in settings.model_fields.items():
        said = field.description or otherwise
        if not said:
            raise ValueError(f"{settings.__name__}.{name} has no description.")
        yield row(
            f"`{name}`", unset if field.default is None else _shown(field.default), said + limits(field)
        )
    yield ""


def _shown(default: Any) -> str:
    return f"`{default}`" if isinstance(default, str) else f"`{json.dumps(default)}`"
