import os
import time

import numpy as np
import polars as pl
from flwr.app import ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp

app = ClientApp()


def _values(context: Context) -> np.ndarray:
    assert str(context.node_config["data"]).endswith(".csv")
    return pl.read_csv(context.node_config["data"])[context.run_config["column"]].to_numpy()


@app.train()
def train(message: Message, context: Context) -> Message:
    fault = context.run_config["fault"]
    if context.node_config["partition-id"] == 0:
        if fault == "raise":
            raise RuntimeError("no rows today")
        if fault == "hang":
            time.sleep(60)
    guess, ballast = message.content["arrays"].to_numpy_ndarrays()
    values = _values(context)
    print("a client of", len(values), "rows, process", os.getpid())
    nearer = guess + context.run_config["step.size"] * (values.mean() - guess)
    metrics = MetricRecord({"loss": float(((values - guess) ** 2).mean()), "num-examples": len(values)})
    return Message(
        RecordDict({"arrays": ArrayRecord([nearer, ballast]), "metrics": metrics}), reply_to=message
    )


@app.evaluate()
def evaluate(message: Message, context: Context) -> Message:
    guess, _ = message.content["arrays"].to_numpy_ndarrays()
    values = _values(context)
    metrics = MetricRecord(
        {"loss": float(((values - guess) ** 2).mean()), "accuracy": 0.5, "num-examples": len(values)}
    )
    return Message(RecordDict({"metrics": metrics}), reply_to=message)
