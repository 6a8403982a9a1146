"""What no engine could carry out, whatever the rows; said before anybody is asked anything."""

from feria.errors import Invalid
from feria.federation.models import FEDERATED, check_settings
from feria.federation.orders import TrainingJob
from feria.federation.strategies import STRATEGIES


def check(order: TrainingJob, clients: int) -> None:
    """Raises `Invalid`, also where a round of so many clients could never count."""
    kind = STRATEGIES.get(order.strategy)
    if kind is None:
        raise Invalid(f"There is no strategy '{order.strategy}'; there are {', '.join(STRATEGIES)}.")
    chosen = kind.choose(order.strategy_settings)
    check_settings(order.kind, order.settings)
    if kind.trees != FEDERATED[order.kind].trees:
        fitting = "any strategy but bagging" if kind.trees else "bagging"
        raise Invalid(f"{order.strategy} makes nothing of {order.kind}, which wants {fitting}.")
    if order.holdout == 0:
        raise Invalid("A federated training holds rows back at each client, to measure on: set `holdout`.")
    least = kind.least(chosen)
    asked = min(clients, order.participation.per_round or clients)
    if asked < least:
        raise Invalid(
            f"{order.strategy} wants the answers of {least} clients, and {asked} are asked in a round."
        )
