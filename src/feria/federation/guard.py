"""Any Flower strategy, unmodified, with clients chosen by name and a round that counts only with a quorum.

The strategy inside is shown the chosen nodes only, so it never waits for others, and good replies only. All
is in the order of the clients' names, and chance comes from the job's seed and the round's number alone:
the same job gives the same arrays to the bit, whoever answers first and wherever it was interrupted.
"""

import math
from collections.abc import Iterable, Sequence

import numpy as np
from flwr.app import ArrayRecord, ConfigRecord, Message, MetricRecord, RecordDict
from flwr.proto.node_pb2 import NodeInfo
from flwr.serverapp import Grid, strategy
from flwr.serverapp.strategy import FedAvg, Strategy

from feria.errors import Invalid, Unavailable
from feria.federation.flower import of_kind
from feria.federation.orders import Participation
from feria.federation.strategies import StrategyKind
from feria.federation.watch import PassingGrid, names_of
from feria.learning.kinds import Chosen

NAMED = 5
"""Clients that a sentence names at most."""


def make(kind: StrategyKind, chosen: Chosen) -> FedAvg:
    """Flower's own strategy, which asks every node that it is shown."""
    made: FedAvg = getattr(strategy, kind.flower)(
        **chosen.model_dump(),
        min_train_nodes=1,
        min_evaluate_nodes=1,
        min_available_nodes=1,
        train_metrics_aggr_fn=mean_metrics,
        evaluate_metrics_aggr_fn=mean_metrics,
    )
    return made


class Guarded(Strategy):
    def __init__(self, inner: Strategy, participation: Participation, *, seed: int, least: int = 1) -> None:
        """`least` is how few replies `inner` makes anything of. Raises `Invalid` where so many, or as many
        as the rules demand, will never be asked for."""
        self.inner = inner
        self.participation = participation
        self.seed = seed
        self._least = least
        self._names: dict[int, str] = {}
        """Of the nodes that are asked in this exchange, in the order of their names."""
        asked = participation.per_round or len(participation.clients)
        if 0 < asked < (needed := self._quorum(asked)):
            raise Invalid(f"A round needs {needed} good replies, and only {asked} clients would be asked.")

    def lacking(self, grid: Grid) -> tuple[int, tuple[str, ...]]:
        """How many more clients must come for a round to begin, and who of the job's is away."""
        wanted = self.participation.clients
        present = self._present(grid)
        needed = self._quorum(self.participation.per_round or len(wanted))
        there = set(present.values())
        return max(0, needed - len(present)), tuple(sorted(name for name in wanted if name not in there))

    def configure_train(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Sequence[Message]:
        present = self._present(grid)
        count = self.participation.per_round
        if count is not None and count < len(present):
            drawn = self._chance(server_round).choice(len(present), count, replace=False)
            nodes = list(present.items())
            present = dict(nodes[i] for i in sorted(drawn))
        self._names = present
        return self._in_order(
            self.inner.configure_train(
                server_round, arrays, self._seeded(config, server_round), self._shown(grid)
            )
        )

    def aggregate_train(
        self, server_round: int, replies: Iterable[Message]
    ) -> tuple[ArrayRecord, MetricRecord]:
        """Raises `Unavailable` where too few replies are good; its `clients` are the others, by name."""
        came = {reply.metadata.src_node_id: reply for reply in replies}
        good = self._good(came)
        needed = self._quorum(len(self._names))
        if len(good) < needed:
            self.inner.aggregate_train(server_round, [])  # ends what `configure_train` began
            raise self._too_few(server_round, needed, len(good), came)
        arrays, metrics = self.inner.aggregate_train(server_round, good)
        if arrays is None or not all(_finite(array.numpy()) for array in arrays.values()):
            made = "nothing" if arrays is None else "arrays that are not finite"
            raise Unavailable(f"The strategy made {made} of the {len(good)} replies of round {server_round}.")
        return arrays, metrics or MetricRecord()

    def configure_evaluate(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Sequence[Message]:
        """Every client of the job that is there is asked, also those who did not train this round."""
        self._names = self._present(grid)
        if not self._names:
            return []
        return self._in_order(
            self.inner.configure_evaluate(
                server_round, arrays, self._seeded(config, server_round), self._shown(grid)
            )
        )

    def aggregate_evaluate(self, server_round: int, replies: Iterable[Message]) -> MetricRecord:
        good = self._good({reply.metadata.src_node_id: reply for reply in replies})
        return (self.inner.aggregate_evaluate(server_round, good) if good else None) or MetricRecord()

    def summary(self) -> None:
        self.inner.summary()

    # ------------------------------------------------------------------- inside
    def _present(self, grid: Grid) -> dict[int, str]:
        """Clients of the job that are there, by node id, sorted by name."""
        wanted = set(self.participation.clients)
        nodes = [node for node in names_of(grid).items() if not wanted or node[1] in wanted]
        return dict(sorted(nodes, key=lambda node: node[::-1]))

    def _quorum(self, asked: int) -> int:
        return max(self._least, self.participation.min_replies or asked, 1)

    def _shown(self, grid: Grid) -> "_Shown":
        return _Shown(grid, list(self._names))

    def _in_order(self, messages: Iterable[Message]) -> list[Message]:
        place = {node_id: n for n, node_id in enumerate(self._names)}
        return sorted(messages, key=lambda message: place[message.metadata.dst_node_id])

    def _good(self, replies: dict[int, Message]) -> list[Message]:
        good = [replies[node_id] for node_id in self._names if node_id in replies]
        good = [reply for reply in good if reply.has_content()]
        _keep_common_metrics(good)
        return good

    def _seeded(self, config: ConfigRecord, server_round: int) -> ConfigRecord:
        config["seed"] = int(self._chance(server_round).integers(2**31))
        return config

    def _chance(self, server_round: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, server_round])

    def _too_few(self, server_round: int, needed: int, good: int, replies: dict[int, Message]) -> Unavailable:
        faults = []
        for node_id, name in self._names.items():
            if node_id not in replies:
                faults.append((name, "It did not answer in time."))
            elif replies[node_id].has_error():
                faults.append((name, replies[node_id].error.reason or "It failed."))
        said = " ".join(f"{name}: {fault}" for name, fault in faults[:NAMED])
        more = f" And {len(faults) - NAMED} more." if len(faults) > NAMED else ""
        return Unavailable(
            f"Round {server_round} needs {needed} good replies and has {good}. {said}{more}",
            clients=[name for name, _ in faults],
        )


class _Shown(PassingGrid):
    """A grid with no other nodes than these."""

    def __init__(self, grid: Grid, node_ids: list[int]) -> None:
        super().__init__(grid)
        self._node_ids = node_ids

    def get_node_ids(self) -> Iterable[int]:
        return self._node_ids

    def get_nodes(self) -> Iterable[NodeInfo]:
        shown = set(self._node_ids)
        return (node for node in self.grid.get_nodes() if node.node_id in shown)


def mean_metrics(replies: list[RecordDict], weighted_by: str) -> MetricRecord:
    """Means of the metrics that are one number, each over the clients for whom it is finite: the area under
    the curve of a client that has one class only is not."""
    sums: dict[str, tuple[float, float]] = {}
    for reply in replies:
        ((_, metrics),) = of_kind(reply, MetricRecord)
        weight = metrics[weighted_by]
        assert isinstance(weight, int | float)
        for name, value in metrics.items():
            if name != weighted_by and not isinstance(value, list) and math.isfinite(value):
                total, weights = sums.get(name, (0.0, 0.0))
                sums[name] = (total + weight * value, weights + weight)
    return MetricRecord({name: total / weights for name, (total, weights) in sums.items()})


def _keep_common_metrics(replies: list[Message]) -> None:
    """Flower's strategies drop a whole round when one client tells of a metric that another does not."""
    told = [of_kind(reply.content, MetricRecord)[0] for reply in replies]
    if any(metrics.keys() != told[0][1].keys() for _, metrics in told):
        common = set.intersection(*(set(metrics) for _, metrics in told))
        for reply, (name, metrics) in zip(replies, told, strict=True):
            reply.content[name] = MetricRecord({key: metrics[key] for key in metrics if key in common})


def _finite(values: np.ndarray) -> bool:
    return values.dtype.kind != "f" or bool(np.isfinite(values).all())
