"""How clients' arrays become one: Flower's strategies, by name.

Settings have Flower's own words. Flower itself is not imported, so that a node can explain and check what it
hands to a job's process; `guard.py` makes the strategy there.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import Field

from feria.learning.kinds import Chosen, NothingToSet, choose


class ProximalSettings(Chosen):
    proximal_mu: float = Field(default=0.1, gt=0, le=1000, description="Pull towards the global arrays.")


class AdaptiveSettings(Chosen):
    eta: float = Field(default=0.1, gt=0, le=100, description="Server's learning rate.")
    beta_1: float = Field(default=0.9, ge=0, lt=1, description="Memory of the direction.")
    beta_2: float = Field(default=0.99, ge=0, lt=1, description="Memory of the size.")
    tau: float = Field(default=1e-3, gt=0, le=1, description="Smallest divisor: smaller adapts more.")


class TrimmedSettings(Chosen):
    beta: float = Field(
        default=0.2, ge=0, lt=0.5, description="Share of the values cut off at either end; rounded down."
    )


class SuspiciousSettings(Chosen):
    num_malicious_nodes: int = Field(default=1, ge=0, description="So many clients may be hostile.")


class KrumSettings(SuspiciousSettings):
    num_nodes_to_select: int = Field(
        default=1, ge=1, description="Clients whose mean is taken; more than one is Multi-Krum."
    )


@dataclass(frozen=True, slots=True)
class StrategyKind:
    name: str
    explains: str
    flower: str
    """Its class in `flwr.serverapp.strategy`."""
    settings: type[Chosen] = NothingToSet
    least: Callable[[Any], int] = lambda _: 1
    """Fewest good replies that it makes something of."""
    trees: bool = False

    def choose(self, given: Mapping[str, Any]) -> Chosen:
        """Raises `Invalid` for a setting this strategy does not have, or a value it cannot take."""
        return choose(self.name, self.settings, given)


STRATEGIES: dict[str, StrategyKind] = {
    kind.name: kind
    for kind in (
        StrategyKind(
            "fedavg",
            "The mean of the clients' arrays, weighted by their rows; the first thing to try.",
            "FedAvg",
        ),
        StrategyKind(
            "fedprox",
            "As fedavg, while each client is held near the global arrays; for clients whose data differ.",
            "FedProx",
            ProximalSettings,
        ),
        StrategyKind(
            "fedadam",
            "Takes the mean as a direction and walks it with Adam's memory; for slow or noisy progress.",
            "FedAdam",
            AdaptiveSettings,
        ),
        StrategyKind(
            "fedyogi",
            "As fedadam, with a step size that changes more carefully when updates are rare or uneven.",
            "FedYogi",
            AdaptiveSettings,
        ),
        StrategyKind(
            "median",
            "The middle value at each place of the arrays; bears broken clients as long as most are sound.",
            "FedMedian",
        ),
        StrategyKind(
            "trimmed_mean",
            "The mean at each place without the largest and smallest values; bears a few broken clients.",
            "FedTrimmedAvg",
            TrimmedSettings,
        ),
        StrategyKind(
            "krum",
            "The arrays of the client nearest to its fellows; bears hostile clients that send far-off ones.",
            "MultiKrum",
            KrumSettings,
            least=lambda chosen: 2 * chosen.num_malicious_nodes + 3,
        ),
        StrategyKind(
            "bulyan",
            "Chooses as krum does, then keeps the values near the median; bears cleverer hostile clients.",
            "Bulyan",
            SuspiciousSettings,
            least=lambda chosen: 4 * chosen.num_malicious_nodes + 3,
        ),
        StrategyKind(
            "bagging",
            "Puts the trees that every client grew this round into one XGBoost model.",
            "FedXgbBagging",
            trees=True,
        ),
    )
}
