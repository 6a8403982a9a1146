"""The kinds of model that can be federated, by the names under which they are trained on one node.

Neither Flower nor scikit-learn is imported before there is something to learn, so that a node can explain
and check what it hands to a job's process.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import JsonValue

from feria.errors import Invalid
from feria.federation.models.settings import (
    BoostingSettings,
    ForestSettings,
    LinearSettings,
    LogisticSettings,
    NetworkSettings,
    VectorSettings,
)
from feria.learning.kinds import KINDS, Chosen, choose
from feria.learning.wire import KindName, Task

if TYPE_CHECKING:
    from feria.federation.agreement import Agreement
    from feria.federation.local import Arrays, Fit, Learner


@dataclass(frozen=True, slots=True)
class FederatedKind:
    """`trees` are united by the one strategy that does that, `bagging`; arrays are averaged by the others."""

    name: KindName
    explains: str
    settings: type[Chosen]
    rounds: int
    """Enough for most tables."""
    trees: bool = False
    only: Task | None = None
    """What it is for, where one node's is for more."""

    @property
    def tasks(self) -> tuple[Task, ...]:
        return (self.only,) if self.only else KINDS[self.name].tasks

    def unite(self, arrays: "Arrays", fits: "Sequence[Fit]") -> "Arrays":
        """What the plain strategy makes of the arrays of all and the clients' fits."""
        from feria.federation.local import average
        from feria.federation.models.trees import unite

        return unite(arrays, fits) if self.trees else average(fits)


FEDERATED: dict[str, FederatedKind] = {
    kind.name: kind
    for kind in (
        FederatedKind(
            "logistic_regression",
            "Each client goes a few steps down the gradient from the weights of all; these are averaged.",
            LogisticSettings,
            rounds=20,
        ),
        FederatedKind(
            "linear_regression",
            "As logistic_regression, for a number.",
            LinearSettings,
            rounds=20,
        ),
        FederatedKind(
            "svm",
            "As logistic_regression, with a border between the classes as wide as they let it be.",
            VectorSettings,
            rounds=30,
            only="classification",
        ),
        FederatedKind(
            "mlp",
            "Each client trains the network of all on its rows for a while; the layers are averaged.",
            NetworkSettings,
            rounds=20,
        ),
        FederatedKind(
            "gradient_boosting",
            "Each client grows one tree for what the trees of all still get wrong; all are kept.",
            BoostingSettings,
            rounds=40,
            trees=True,
        ),
        FederatedKind(
            "random_forest",
            "Each client grows some trees of its own; all are kept.",
            ForestSettings,
            rounds=5,
            trees=True,
        ),
    )
}


def check_settings(kind: str, settings: Mapping[str, JsonValue]) -> Chosen:
    """What is set on a federated kind of that name, and the defaults of the rest. Raises `Invalid` for a kind
    that cannot be federated, a setting it does not have, or a value it cannot take."""
    if kind not in FEDERATED:
        raise Invalid(f"{kind} cannot be federated; {', '.join(FEDERATED)} can.")
    return choose(f"a federated {kind}", FEDERATED[kind].settings, settings)


def learner_for(agreement: "Agreement", settings: Mapping[str, JsonValue]) -> "Learner":
    """Raises as `check_settings` does, and `Invalid` for a task that the kind is not for."""
    from feria.federation.models.learners import LEARNERS

    chosen = check_settings(agreement.kind, settings)
    if agreement.task not in FEDERATED[agreement.kind].tasks:
        able = [one.name for one in FEDERATED.values() if agreement.task in one.tasks]
        raise Invalid(f"A federated {agreement.kind} tells classes apart; {', '.join(able)} predict numbers.")
    return LEARNERS[agreement.kind](agreement, chosen)
