"""Averages what the clients have learned, round by round, and leaves one ONNX file."""

import torch
from flwr.app import ArrayRecord, Context
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import FedAvg

from digits.network import SIDE, Digits

app = ServerApp()


@app.main()
def main(grid: Grid, context: Context) -> None:
    torch.manual_seed(0)
    result = FedAvg().start(
        grid=grid,
        initial_arrays=ArrayRecord(Digits().state_dict()),
        num_rounds=int(context.run_config["num-server-rounds"]),
    )
    network = Digits()
    network.load_state_dict(result.arrays.to_torch_state_dict())
    export(network, "model.onnx")


class Answers(torch.nn.Module):
    """A digit, and the probability of each: the two outputs that classifiers have elsewhere too."""

    def __init__(self, network: Digits) -> None:
        super().__init__()
        self.network = network

    def forward(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        probabilities = torch.softmax(self.network(rows), 1)
        return probabilities.argmax(1), probabilities


def export(network: Digits, path: str) -> None:
    torch.onnx.export(
        Answers(network).eval(),
        (torch.zeros(1, SIDE * SIDE),),
        path,
        input_names=["pixels"],
        output_names=["label", "probabilities"],
        dynamic_axes={"pixels": {0: "rows"}, "label": {0: "rows"}, "probabilities": {0: "rows"}},
        dynamo=False,
    )
