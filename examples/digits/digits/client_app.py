"""Runs where a client's rows are; only weights and figures leave it."""

import torch
from flwr.app import ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp

from digits.network import Digits, measure, read, train

app = ClientApp()
torch.set_num_threads(1)


@app.train()
def learn(message: Message, context: Context) -> Message:
    settings = context.run_config
    (pixels, digits), _ = read(str(context.node_config["data"]), float(settings["held-out"]))
    network = _network(message)
    loss = train(network, pixels, digits, int(settings["local-epochs"]), float(settings["learning-rate"]))
    metrics = MetricRecord({"loss": loss, "num-examples": len(digits)})
    arrays = ArrayRecord(network.state_dict())
    return Message(RecordDict({"arrays": arrays, "metrics": metrics}), reply_to=message)


@app.evaluate()
def evaluate(message: Message, context: Context) -> Message:
    _, (pixels, digits) = read(str(context.node_config["data"]), float(context.run_config["held-out"]))
    loss, accuracy = measure(_network(message), pixels, digits)
    metrics = MetricRecord({"loss": loss, "accuracy": accuracy, "num-examples": len(digits)})
    return Message(RecordDict({"metrics": metrics}), reply_to=message)


def _network(message: Message) -> Digits:
    network = Digits()
    network.load_state_dict(message.content["arrays"].to_torch_state_dict())
    return network
