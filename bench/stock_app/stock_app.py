"""A job on Flower's own programs, on its own grid: FedAvg as it comes, trained and evaluated at all stores.

`silo.py` is put beside this file. When it is over, `file` is JSON: when each round began and the last one
ended, in Unix time, and the accuracy after it.
"""

import json
import time
from collections.abc import Iterable
from pathlib import Path

from flwr.app import ArrayRecord, ConfigRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import FedAvg
from silo import Silo, initial

server, client = ServerApp(), ClientApp()


@client.train()
def train(message: Message, context: Context) -> Message:
    silo = Silo(Path(str(context.node_config["data"])))
    (weights,) = message.content.array_records["arrays"].to_numpy_ndarrays()
    fitted, metrics = ArrayRecord([silo.fit(weights)]), MetricRecord({"num-examples": len(silo.y)})
    return Message(RecordDict({"arrays": fitted, "metrics": metrics}), reply_to=message)


@client.evaluate()
def evaluate(message: Message, context: Context) -> Message:
    silo = Silo(Path(str(context.node_config["data"])))
    (weights,) = message.content.array_records["arrays"].to_numpy_ndarrays()
    metrics = MetricRecord({"accuracy": silo.accuracy(weights), "num-examples": silo.held})
    return Message(RecordDict({"metrics": metrics}), reply_to=message)


class Timed(FedAvg):
    def __init__(self, stores: int) -> None:
        super().__init__(min_available_nodes=stores, min_train_nodes=stores, min_evaluate_nodes=stores)
        self._stores = stores
        self.times: list[float] = []

    def configure_train(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        self.times.append(time.time())
        return super().configure_train(server_round, arrays, config, grid)

    def aggregate_evaluate(self, server_round: int, replies: Iterable[Message]) -> MetricRecord | None:
        replies = list(replies)
        if sum(reply.has_content() for reply in replies) != self._stores:
            raise RuntimeError("Not all stores have answered.")
        return super().aggregate_evaluate(server_round, replies)


@server.main()
def main(grid: Grid, context: Context) -> None:
    rounds = int(context.run_config["rounds"])
    strategy = Timed(int(context.run_config["stores"]))
    result = strategy.start(grid, ArrayRecord([initial()]), num_rounds=rounds)
    told = {
        "times": [*strategy.times, time.time()],
        "accuracy": result.evaluate_metrics_clientapp[rounds]["accuracy"],
    }
    Path(str(context.run_config["file"])).write_text(json.dumps(told))
