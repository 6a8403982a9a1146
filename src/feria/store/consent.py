"""What a store agrees to, by its own word. Whatever is not agreed to is refused, in a sentence.

What is judged is what the hub says of a job. Kinds and strategies show in the messages as well, noise does
not: with central differential privacy it is the hub that adds it, and the hub is believed.
"""

from collections.abc import Collection

from pydantic import BaseModel, ConfigDict, Field

from feria.federation.orders import MAX_ROUNDS, AppJob, StrategyName, TrainingJob
from feria.learning.wire import KindName


class Consent(BaseModel):
    """As it stands in `store.json`; a word or a type it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    kinds: tuple[KindName, ...] | None = Field(default=None, description="Of model; null is any.")
    strategies: tuple[StrategyName, ...] | None = Field(default=None, description="Null is any.")
    most_rounds: int = Field(default=MAX_ROUNDS, ge=1, le=MAX_ROUNDS)
    least_noise: float | None = Field(
        default=None,
        gt=0,
        le=1000,
        description="Least noise multiplier of the differential privacy that a job must have; null asks for "
        "none.",
    )
    apps: bool = Field(default=False, description="Whether programs of users may run on the rows.")

    def refusal(self, order: TrainingJob | AppJob) -> str | None:
        """Why this store takes no part, all reasons at once; None where it does."""
        faults = self._of_app(order) if isinstance(order, AppJob) else self._of_training(order)
        return " ".join(faults) or None

    def _of_training(self, order: TrainingJob) -> list[str]:
        faults = [
            *_unlisted("kind", order.kind, self.kinds),
            *_unlisted("strategy", order.strategy, self.strategies),
        ]
        if order.rounds > self.most_rounds:
            faults.append(f"{self._rounds}; the job wants {order.rounds}.")
        noise = order.privacy.noise_multiplier if order.privacy else 0.0
        if self.least_noise is not None and noise < self.least_noise:
            faults.append(f"{self._privacy}; the job has {f'{noise:.12g}' if noise else 'none'}.")
        return faults

    def _of_app(self, order: AppJob) -> list[str]:
        if not self.apps:
            return [f"This store runs no programs of users, such as the app {order.app}."]
        faults = []
        if order.rounds is None and self.most_rounds < MAX_ROUNDS:
            faults.append(f"{self._rounds}; the job does not say how many the app {order.app} does.")
        if order.rounds is not None and order.rounds > self.most_rounds:
            faults.append(f"{self._rounds}; the job wants {order.rounds}.")
        if self.least_noise is not None:
            faults.append(f"{self._privacy}; the app {order.app} promises none.")
        return faults

    @property
    def _rounds(self) -> str:
        return f"This store allows {self.most_rounds} round{'s' * (self.most_rounds > 1)} at most"

    @property
    def _privacy(self) -> str:
        noise = f"a noise multiplier of {self.least_noise:.12g} at least"
        return f"This store wants differential privacy with {noise}"


def _unlisted(what: str, asked: str, allowed: Collection[str] | None) -> list[str]:
    if allowed is None or asked in allowed:
        return []
    return [f"This store does not allow the {what} {asked}; it allows {', '.join(allowed) or 'none'}."]
