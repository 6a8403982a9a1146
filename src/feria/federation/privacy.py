"""Differential privacy at the level of clients, by Flower's wrapper and its accountant.

What is promised, for a spent (ε, δ): whoever sees the global arrays of all rounds can hardly tell whether
any one client took part, for that changes the odds of whatever they see by no more than e^ε, but with
probability δ (Dwork and Roth, "The algorithmic foundations of differential privacy", 2014; McMahan et al.,
"Learning differentially private recurrent language models", ICLR 2018). The server is trusted, for it is the
one that clips and adds noise; and metrics are not covered: what a client tells of its loss is told plainly.

Each client counts the same, since a weight by rows would let the larger ones be seen. Every client could be
asked in every round, so nothing is gained by drawing (`no-amplification`).
"""

from collections.abc import Iterable

import numpy as np
from flwr.app import ArrayRecord, ConfigRecord, Message, MetricRecord
from flwr.serverapp import (
    GaussianPrivacyEvent,
    Grid,
    NeighboringRelation,
    PrivacyConfig,
    RdpAccountant,
    SamplingMethod,
)
from flwr.serverapp.strategy import DifferentialPrivacyServerSideFixedClipping, FedAvg

from feria.errors import Invalid
from feria.federation.flower import of_kind
from feria.federation.orders import PrivacySettings
from feria.federation.screening import SAMPLES


class Private(DifferentialPrivacyServerSideFixedClipping):
    """The wrapper's own rules, met where a client fails: the noise is that for those who did answer."""

    def configure_train(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        """Raises `PrivacyBudgetExhausted` where this round would spend more than there is."""
        self.num_sampled_clients = len(list(grid.get_node_ids()))
        return super().configure_train(server_round, arrays, config, grid)

    def aggregate_train(
        self, server_round: int, replies: Iterable[Message]
    ) -> tuple[ArrayRecord | None, MetricRecord | None]:
        """Takes replies without errors."""
        replies = list(replies)
        for reply in replies:
            for name, metrics in of_kind(reply.content, MetricRecord):
                reply.content[name] = MetricRecord({**metrics, SAMPLES: 1})
        self.num_sampled_clients = max(1, len(replies))
        # The noise comes from numpy's global generator, which a job, or a client's code in this process, may
        # have seeded: noise that can be guessed, or that comes twice, hides nothing.
        np.random.seed()
        return super().aggregate_train(server_round, replies)


def make_private(inner: FedAvg, settings: PrivacySettings, clients: int) -> Private:
    """`clients` is how many the job has.

    Raises `Invalid` for a strategy that Flower cannot account for, and for a budget too small for one round.
    """
    if type(inner).aggregate_train is not FedAvg.aggregate_train:
        raise Invalid("Differential privacy goes with the strategies fedavg and fedprox only.")
    accountant = RdpAccountant(
        PrivacyConfig(
            target_delta=settings.delta,
            population_size=clients,
            neighboring_relation=NeighboringRelation.ADD_OR_REMOVE_ONE,
            sampling_method=SamplingMethod.NO_AMPLIFICATION,
            max_epsilon=settings.max_epsilon,
        )
    )
    one_round = GaussianPrivacyEvent(settings.noise_multiplier, clients, clients)
    if settings.max_epsilon is not None and accountant.would_exceed(one_round):
        raise Invalid(f"One round alone would spend more than ε = {settings.max_epsilon:g}; add more noise.")
    return Private(inner, settings.noise_multiplier, settings.clipping_norm, clients, accountant=accountant)
