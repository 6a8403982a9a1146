"""The kinds of model that can be federated, by the names under which they are trained on one node."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import JsonValue

from feria.errors import Invalid
from feria.federation.agreement import Agreement
from feria.federation.local import Arrays, Fit, Learner, average
from feria.federation.models.forest import Forest, ForestSettings
from feria.federation.models.gradient_boosting import Boosting, BoostingSettings
from feria.federation.models.linear import Linear, LinearSettings
from feria.federation.models.logistic import Logistic, LogisticSettings
from feria.federation.models.network import Network, NetworkSettings
from feria.federation.models.svm import Vector, VectorSettings
from feria.federation.models.trees import unite
from feria.learning.kinds import Chosen, choose
from feria.learning.wire import KindName


@dataclass(frozen=True, slots=True)
class FederatedKind:
    """`aggregate` is what is done with the clients' arrays: a strategy that averages in some way, or the
    one that unites trees (`bagging`)."""

    name: KindName
    settings: type[Chosen]
    learner: Callable[[Agreement, Any], Learner]
    rounds: int
    """Enough for most tables."""
    aggregate: Literal["average", "bagging"] = "average"

    def unite(self, arrays: Arrays, fits: Sequence[Fit]) -> Arrays:
        """What the plain strategy makes of the arrays of all and the clients' fits."""
        return average(fits) if self.aggregate == "average" else unite(arrays, fits)


FEDERATED: dict[str, FederatedKind] = {
    kind.name: kind
    for kind in (
        FederatedKind("logistic_regression", LogisticSettings, Logistic, 20),
        FederatedKind("linear_regression", LinearSettings, Linear, 20),
        FederatedKind("svm", VectorSettings, Vector, 30),
        FederatedKind("mlp", NetworkSettings, Network, 20),
        FederatedKind("gradient_boosting", BoostingSettings, Boosting, 40, "bagging"),
        FederatedKind("random_forest", ForestSettings, Forest, 5, "bagging"),
    )
}


def learner_for(agreement: Agreement, settings: Mapping[str, JsonValue]) -> Learner:
    """Raises `Invalid` for a kind that cannot be federated, a task it is not for, or a setting it does not
    have."""
    kind = FEDERATED.get(agreement.kind)
    if kind is None:
        raise Invalid(f"{agreement.kind} cannot be federated; {', '.join(FEDERATED)} can.")
    if agreement.kind == "svm" and agreement.task == "regression":
        raise Invalid("A federated svm tells classes apart; linear_regression or mlp predict numbers.")
    return kind.learner(agreement, choose(f"a federated {kind.name}", kind.settings, settings))
